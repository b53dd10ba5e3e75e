//! The server's life: threads up, listeners open, signals heard, everything down in order.

use super::descriptors::{self, Own};
use super::listeners::Listener;
use super::{Endpoint, StartError, exposure, history, listeners, sockets};
use crate::admission::{Admission, AdmissionLimits};
use crate::authority::Host;
use crate::clock::Clock;
use crate::config::{Config, Io, Layers, Pin, Secret};
use crate::discovery::{self, Note};
use crate::engine::Engine;
use crate::engine::desk::Desk;
use crate::engine::driver::{Driver, End, Surroundings};
use crate::engine::mailbox::Mailbox;
use crate::http::{Budget, FileThreads, Files, Penalties, Policy, Readiness, Refusals, Site};
use crate::lan::{Invitation, join_code, reachable};
use crate::listener::Arrivals;
use crate::listener::accept::{self, Door};
use crate::listener::silence::Silence;
use crate::metrics::Metrics;
use crate::sequencer::LocalQueue;
use crate::shard;
use crate::shard::driver::{Environment, Inbound, ShardHandle, ShardInbox};
use crate::storage::{self, Readers, Writer};
use crate::tls::Reloadable;
use crate::udp::gate::Gate;
use crate::{engine, threads, tls};
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;
use switchboard_protocols::{Settings, TextStyle, conversation};
use tokio::signal::unix::{SignalKind, signal};

/// Threads that read history, beside the one that searches; SQLite lets them read while the writer writes.
const PAGE_READERS: usize = 2;
/// Of an outbox, the part that a page of history may take: a page is smaller than half an outbox.
const PAGE_PART: usize = 3;

/// Runs the server.
///
/// # Errors
/// It did not start.
pub(super) fn run(mut config: Config, layers: Layers, endpoint: Option<Endpoint>) -> Result<End, StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // From here on a signal to end is heard, and answered when the server runs.
    let mut signals = runtime.block_on(async { Signals::new() })?;
    let nofile = switchboard_sys::raise_nofile()?;
    exposure::check(&config, &listeners::named(&config))?;
    if config.server.lan {
        // Before the history is opened, whose sessions ask for it.
        make_join_code(&mut config)?;
    }
    let directory = history::directory(&config)?;
    // Before the ports: who connects to one is answered, and does not wait for a server that may not start.
    let history = history::open(&config, directory.as_deref())?;
    let listeners = listeners::bind(&config)?;
    let addresses: Vec<_> = listeners.iter().map(|listener| listener.address).collect();
    exposure::check(&config, &addresses)?;
    let invitation = invite(&config, &listeners)?;
    let certificate = certificate(&config, directory.as_deref(), &addresses)?;
    let fingerprint = certificate.as_ref().map(|certificate| certificate.fingerprint());
    let own = Own {
        open: descriptors::open_now(),
        shards: shard_count(&config) as u64,
        readers: PAGE_READERS as u64 + 1,
        has_files: has_files(&config),
    };
    descriptors::hold(&mut config, nofile, own);
    let house = House::build(&config, history, certificate.clone(), &listeners, endpoint)?;

    let note = Note {
        url: own_url(&addresses, certificate.is_some()),
        listeners: addresses.clone(),
        tls: certificate.is_some(),
        fingerprint: fingerprint.clone(),
        data_dir: directory,
    };
    // Our own clients find the server by it; others do not need it.
    let published = discovery::publish(&note);
    if let Err(error) = &published {
        tracing::warn!(%error, "clients on this machine will not find this server by themselves");
    }
    if let Some(fingerprint) = &fingerprint {
        tracing::info!(fingerprint, "certificate (SHA-256)");
    }
    if let Some(invitation) = invitation {
        eprintln!("{invitation}");
    }
    let end = runtime.block_on(house.live(listeners, &mut signals, certificate, layers))?;
    drop(published);
    Ok(end)
}

/// How many threads serve the sockets.
fn shard_count(config: &Config) -> usize {
    match config.server.shards {
        // The engine's and the storage's threads mostly wait; the sockets are the work.
        0 => std::thread::available_parallelism().map_or(1, usize::from).min(64),
        shards => shards.min(250) as usize,
    }
}

/// Whether there are files of the operator's to be served.
const fn has_files(config: &Config) -> bool {
    config.http.static_dir.is_some() || config.http.socketio_client.is_some()
}

/// Where the page is.
fn pages(listeners: &[Listener]) -> Vec<SocketAddr> {
    let pages = listeners.iter().filter(|listener| matches!(listener.pin, Pin::Any | Pin::Http));
    pages.map(|listener| listener.address).collect()
}

/// Where text alone is spoken.
fn text_only(listeners: &[Listener]) -> Vec<SocketAddr> {
    listeners.iter().filter(|listener| listener.pin == Pin::Text).map(|listener| listener.address).collect()
}

/// A join code, if there is none.
fn make_join_code(config: &mut Config) -> Result<(), StartError> {
    if config.auth.join_code.is_none() {
        let mut random = [0; 4];
        getrandom::fill(&mut random).map_err(std::io::Error::other)?;
        config.auth.join_code = Some(Secret::new(join_code(random)));
    }
    Ok(())
}

/// With `--lan`: what to tell the neighbours: where the page is, where text alone is, and the code.
fn invite(config: &Config, listeners: &[Listener]) -> Result<Option<Invitation>, StartError> {
    if !config.server.lan {
        return Ok(None);
    }
    let has_tls = config.tls.cert.is_some() || config.tls.self_signed;
    let code = config.auth.join_code.as_ref().map(|code| code.expose().to_owned());
    let text = reachable(&text_only(listeners))?.first().copied();
    Ok(Some(Invitation::new(&reachable(&pages(listeners))?, has_tls, code, text)))
}

fn certificate(
    config: &Config,
    directory: Option<&Path>,
    addresses: &[SocketAddr],
) -> Result<Option<Arc<Reloadable>>, StartError> {
    if let (Some(certificate), Some(key)) = (&config.tls.cert, &config.tls.key) {
        return Ok(Some(Arc::new(Reloadable::open(certificate.clone(), key.clone())?)));
    }
    if !config.tls.self_signed {
        return Ok(None);
    }
    // As they stand in a certificate: without brackets, and without a dot at the end.
    let mut names: Vec<String> =
        config.http.hosts.iter().filter_map(|host| Some(Host::parse(host)?.subject())).collect();
    names.extend(
        addresses.iter().map(|address| address.ip()).filter(|ip| !ip.is_unspecified()).map(|ip| ip.to_string()),
    );
    let now = SystemTime::now();
    Ok(Some(Arc::new(match directory {
        Some(directory) => {
            let made = tls::self_signed(directory, &names, now)?;
            Reloadable::open(made.certificate_path, made.key_path)?
        }
        // Nothing is kept, and it is not, either.
        None => Reloadable::fixed(tls::passing(&names, now)?),
    })))
}

fn own_url(addresses: &[SocketAddr], has_tls: bool) -> String {
    let scheme = if has_tls { "tls" } else { "tcp" };
    let mut address = addresses[0];
    if address.ip().is_unspecified() {
        let loopback =
            if address.is_ipv4() { std::net::Ipv4Addr::LOCALHOST.into() } else { std::net::Ipv6Addr::LOCALHOST.into() };
        address.set_ip(loopback);
    }
    format!("{scheme}://{address}")
}

/// The signals that the server heeds.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }
}

/// The threads, running.
struct House {
    mailbox: Arc<Mailbox>,
    door: Door,
    ready: Readiness,
    ended: tokio::sync::oneshot::Receiver<End>,
}

impl House {
    fn build(
        config: &Config,
        history: history::History,
        certificate: Option<Arc<Reloadable>>,
        listeners: &[Listener],
        endpoint: Option<Endpoint>,
    ) -> Result<Self, StartError> {
        let metrics = Arc::new(Metrics::new());
        let clock = Clock::start();
        let limits = &config.limits;
        let mailbox = Arc::new(Mailbox::new(limits.inbox_commands as usize, limits.batch_bytes.to_usize()));
        let ready = Readiness::default();
        if config.server.io == Io::IoUring {
            switchboard_sys::Flusher::ring().map_err(StartError::IoUring)?;
        }
        let shards = shard_count(config);
        let (handles, inboxes): (Vec<ShardHandle>, Vec<ShardInbox>) = (0..shards).map(|_| ShardHandle::new()).unzip();
        let mut arrivals = arrivals(config, certificate, &metrics, ready.clone())?;
        arrivals.shards.clone_from(&handles);
        arrivals.socketio =
            endpoint.or_else(|| sockets::endpoint(config, history.sessions.epoch, &arrivals.conversations));
        arrivals.site.listeners = pages(listeners);
        arrivals.site.text_port = text_only(listeners).first().map(SocketAddr::port);
        let arrivals = Arc::new(arrivals);
        let (readers, waiting) = Readers::new();
        let page_bytes = limits.outbox_bytes.to_usize() / PAGE_PART;
        let pages = (0..PAGE_READERS).map(|_| history.store.reader()).collect::<Result<Vec<_>, _>>()?;
        let searches = history.store.reader()?;
        let storage_settings = storage::Settings {
            free_min: config.store.free_min.map_or(0, |free| free.0),
            retention: config.store.retention.map(|retention| retention.duration()),
            clock,
            clock_log: history.clock.clone(),
            latest: history.latest,
        };
        let (writer, waiting_writer) = Writer::new(history.store, storage_settings, mailbox.clone(), metrics.clone());
        let around_readers = storage::ReaderSurroundings {
            pages,
            searches,
            indexer: writer.indexer(),
            shards: handles.clone(),
            metrics: metrics.clone(),
            page_bytes,
        };
        let reader_threads = waiting.start(readers.clone(), around_readers)?;
        let around = Surroundings {
            shards: handles.clone(),
            writer,
            metrics: metrics.clone(),
            settings: engine::driver::Settings {
                batch_commands: limits.batch_commands as usize,
                batch_bytes: limits.batch_bytes.to_usize(),
                log_messages: config.log.messages.unwrap_or(config.server.ephemeral),
                grace: config.server.shutdown_grace.duration(),
            },
            clock,
        };
        let mut engine =
            Engine::new(history.sessions, history.rooms, history.clock.clone(), LocalQueue::default(), shards);
        history.ended.into_iter().for_each(|session| engine.restore_ended(session));
        let desk = Arc::new(Desk::new(mailbox.clone(), Driver::new(engine, around)));
        let writer_thread = waiting_writer.start(desk.clone())?;
        let costs = config.cost_limits();
        for (number, inbox) in inboxes.into_iter().enumerate() {
            let conversations = arrivals.conversations.clone();
            let environment = Environment {
                settings: shard::Settings {
                    number: number as u8,
                    outbox_bytes: limits.outbox_bytes.to_usize(),
                    outboxes_bytes: limits.outboxes_total_bytes.map_or(usize::MAX, |total| total.to_usize() / shards),
                    gate_events: limits.gate_events as usize,
                    gate_bytes: limits.gate_bytes.to_usize(),
                    costs: costs.clone(),
                    make_json: Arc::new(move || conversation::stream_json(&conversations)),
                },
                io: config.server.io,
                clock,
                desk: desk.clone(),
                readers: readers.clone(),
                metrics: metrics.clone(),
                arrivals: arrivals.clone(),
            };
            threads::spawn(&format!("shard-{number}"), move || {
                if let Err(error) = shard::driver::run(environment, inbox) {
                    tracing::error!(%error, "a shard cannot run");
                    std::process::exit(threads::EXIT_PANIC);
                }
            })?;
        }
        let (tell, ended) = tokio::sync::oneshot::channel();
        threads::spawn("engine", move || {
            let end = desk.run();
            if end == End::Asked {
                reader_threads.end();
                writer_thread.end();
            }
            // Nobody listens only when the process ends already.
            let _ = tell.send(end);
        })?;
        let door = Door { admission: arrivals.admission.clone(), arrivals, shards: handles, metrics };
        Ok(Self { mailbox, door, ready, ended })
    }

    /// Accepts until the operator or a failure ends it.
    async fn live(
        mut self,
        listeners: Vec<Listener>,
        signals: &mut Signals,
        certificate: Option<Arc<Reloadable>>,
        layers: Layers,
    ) -> Result<End, StartError> {
        // Files may be on a disk that does not answer; who waits for it is not the thread that accepts.
        let (reloads, asked) = std::sync::mpsc::sync_channel(1);
        threads::spawn("reload", move || {
            for () in asked {
                reload(certificate.as_deref(), &layers);
            }
        })?;
        let mut accepting = tokio::task::JoinSet::new();
        let mut lines = String::new();
        for (place, listener) in listeners.into_iter().enumerate() {
            if let Some(udp) = listener.udp {
                let shard = &self.door.shards[place % self.door.shards.len()];
                shard.hand(Inbound::Datagrams(udp)).await;
            }
            if let Some(tcp) = listener.tcp {
                let tcp = accept::open(tcp)?;
                accepting.spawn(self.door.clone().accept(tcp, listener.address, listener.pin));
            }
            lines.push_str(&format!("switchboard: ready on {}\n", listener.address));
        }
        self.ready.set(true);
        // Whoever started us may have closed it; the log says the same.
        let _ = std::io::stdout().write_all(lines.as_bytes()).and_then(|()| std::io::stdout().flush());
        let mut is_ending = false;
        loop {
            tokio::select! {
                end = &mut self.ended => return end.map_err(|_| std::io::Error::other("the engine is gone").into()),
                _ = signals.terminate.recv() => is_ending = true,
                _ = signals.interrupt.recv() => is_ending = true,
                // One that waits will read what is there then.
                _ = signals.hang_up.recv() => drop(reloads.try_send(())),
            }
            if is_ending {
                self.ready.set(false);
                accepting.abort_all();
                self.mailbox.notice(|notices| notices.shut_down = true);
            }
        }
    }
}

/// SIGHUP: the certificate is read again, nobody is disconnected; the configuration is checked, so that an operator
/// learns of a mistake before the next start.
fn reload(certificate: Option<&Reloadable>, layers: &Layers) {
    match certificate.map(Reloadable::reload) {
        None | Some(Ok(None)) => tracing::info!("nothing to reload: there is no certificate in a file"),
        Some(Ok(Some(fingerprint))) => tracing::info!(fingerprint, "the certificate was reloaded"),
        Some(Err(error)) => tracing::error!(%error, "the certificate was not reloaded: the old one stays"),
    }
    if let Err(error) = Config::load(layers) {
        tracing::error!(%error, "the configuration would not load; the running one stays");
    }
}

fn admission_limits(config: &Config) -> AdmissionLimits {
    let limits = &config.limits;
    AdmissionLimits {
        connections_total: limits.connections_total,
        connections_per_ip: limits.connections_per_ip,
        connections_per_64: limits.connections_per_64,
        handshakes: limits.handshakes,
        udp_sessions_per_ip: limits.udp_sessions_per_ip,
        counts_loopback: config.counts_loopback(),
    }
}

fn arrivals(
    config: &Config,
    certificate: Option<Arc<Reloadable>>,
    metrics: &Arc<Metrics>,
    ready: Readiness,
) -> Result<Arrivals, StartError> {
    let limits = &config.limits;
    let text_style = match config.text.style {
        crate::config::TextStyle::Named => TextStyle::Named,
        crate::config::TextStyle::Address => TextStyle::Address,
        crate::config::TextStyle::Plain => TextStyle::Plain,
    };
    let is_default = config.text.welcome == Config::default().text.welcome;
    let conversations = Arc::new(Settings {
        line_bytes: limits.line_bytes.to_usize(),
        frame_bytes: limits.frame_bytes.to_usize(),
        compression_min: config
            .websocket
            .compression
            .then(|| u32::try_from(config.websocket.compression_min.0).unwrap_or(u32::MAX)),
        text_style,
        text_welcome: (!is_default).then(|| config.text.welcome.clone().into()),
        limits: config.core_limits(),
        ..Settings::default()
    });
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(std::io::Error::other)?;
    let senders =
        config.udp.tokens.iter().map(|(name, token)| (name.as_str(), token.token.expose(), token.room.as_str()));
    Ok(Arrivals {
        polling: sockets::polling(config, &conversations),
        conversations,
        tls: certificate.map(|certificate| tls::server_config(certificate)).transpose()?,
        site: Site {
            policy: Policy::new(&config.http.hosts, &config.http.origins),
            metrics: metrics.clone(),
            ready,
            header_timeout: limits.header_timeout.duration(),
            header_bytes: limits.header_bytes.to_usize(),
            body_timeout: limits.body_timeout.duration(),
            budget: Budget::new(limits.http_bytes_total.to_usize()),
            penalties: Penalties::new(limits.http_refusals_per_second),
            http_refusals: limits.http_refusals,
            files: Arc::new(Files {
                folder: config.http.static_dir.clone(),
                client: config.http.socketio_client.clone(),
                serves_client: config.socketio.serve_client,
                spa: config.http.spa,
                socketio_path: config.socketio.path.clone(),
                threads: has_files(config).then(FileThreads::start).transpose()?,
            }),
            wires: config.http.wires.clone(),
            listeners: Vec::new(),
            text_port: None,
            has_join_code: config.auth.join_code.is_some(),
            refusals: Refusals::default(),
        },
        socketio: None,
        pollers: Admission::new(admission_limits(config)),
        shards: Vec::new(),
        udp_gate: Gate::new(key, senders),
        admission: Admission::new(admission_limits(config)),
        udp_idle_ms: limits.udp_idle.0,
        idle_ms: limits.idle_timeout.map_or(0, |idle| idle.0),
        handshake_timeout: limits.handshake_timeout.duration(),
        silence: Silence::start(config.text.silent_hold.duration())?,
        trusted_proxies: config.server.trusted_proxies.clone(),
        proxy_protocol: config.server.proxy_protocol,
    })
}
