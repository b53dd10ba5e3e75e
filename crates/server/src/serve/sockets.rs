//! The Engine.IO endpoints as the configuration wants them: Socket.IO's with its namespaces, and the page's.

use crate::config::{Config, NamespaceEntry, Whom};
use crate::http::socketio::{Application, Endpoint};
use std::sync::Arc;
use switchboard_core::names::RoomName;
use switchboard_core::{Epoch, Realm};
use switchboard_protocols::engineio;
use switchboard_protocols::socketio::namespace::Recovery;
use switchboard_protocols::socketio::{Extras, Namespace, Namespaces, Parser, RelayTo};

/// The path of the JSON protocol for clients that poll, beside `/ws`.
const POLL_PATH: &str = "/poll/";
/// The path of the chat where `/` is a relay.
const CHAT: &str = "/chat";

/// A relay as it is configured.
pub(super) struct Relay {
    pub(super) path: String,
    to: RelayTo,
    parser: Parser,
    extras: Extras,
}

/// The relays that are configured, in the order of their realms, which count from 1.
pub(super) fn relays(config: &Config) -> Vec<Relay> {
    let is_chat = !config.socketio.message_event.is_empty();
    let declared = config.socketio.namespaces.iter().filter_map(|entry| {
        let entry = NamespaceEntry::read(entry)?;
        let to = match entry.whom {
            Whom::Others => RelayTo::Others,
            Whom::All => RelayTo::All,
            Whom::None => RelayTo::None,
        };
        Some(Relay {
            path: entry.path.to_owned(),
            to,
            parser: parser(entry.parser.unwrap_or(config.socketio.parser)),
            extras: Extras { presence: entry.presence, from: entry.from, volatile: entry.volatile },
        })
    });
    // An event that is a message makes the main namespace the chat.
    let mut relays: Vec<Relay> = declared.filter(|relay| relay.path != "/" || !is_chat).collect();
    if config.http.static_dir.is_some() && !is_chat && relays.iter().all(|relay| relay.path != "/") {
        let parser = parser(config.socketio.parser);
        relays.insert(0, Relay { path: "/".to_owned(), to: RelayTo::Others, parser, extras: Extras::default() });
    }
    relays
}

const fn parser(parser: crate::config::Parser) -> Parser {
    match parser {
        crate::config::Parser::Any => Parser::Any,
        crate::config::Parser::Json => Parser::Json,
        crate::config::Parser::Msgpack => Parser::Msgpack,
    }
}

/// Where the page goes when its WebSockets are blocked.
pub(super) fn polling(config: &Config, speech: &Arc<switchboard_protocols::Settings>) -> Endpoint {
    Endpoint { path: POLL_PATH.to_owned(), settings: times(config), application: Application::Json(Arc::clone(speech)) }
}

/// Socket.IO's endpoint, unless it is switched off.
pub(super) fn endpoint(
    config: &Config,
    epoch: Epoch,
    speech: &Arc<switchboard_protocols::Settings>,
) -> Option<Endpoint> {
    let settings = &config.socketio;
    if !settings.enabled {
        return None;
    }
    let relays = relays(config);
    let is_main_taken = relays.iter().any(|relay| relay.path == "/");
    let mut list = Vec::new();
    if !settings.message_event.is_empty() {
        // What is said without a room is said in the last of those that everybody is in.
        let room = config.rooms.auto_join.last().and_then(|room| RoomName::parse(room, usize::MAX));
        let numbered = room.map(|room| room.to_string()).unwrap_or_default();
        list.push(Namespace { numbered, ..Namespace::bare_chat("/", &settings.message_event) });
        list.push(Namespace::chat(CHAT));
    } else if is_main_taken {
        list.push(Namespace::chat(CHAT));
    } else {
        list.push(Namespace::chat("/"));
    }
    for namespace in &mut list {
        namespace.parser = parser(settings.parser);
    }
    for (place, Relay { path, to, parser, extras }) in relays.into_iter().enumerate() {
        list.push(Namespace { parser, ..Namespace::relay(&path, Realm(place as u8 + 1), to, extras) });
    }
    let keep_ms = u32::try_from(settings.recovery.time().0).unwrap_or(u32::MAX);
    let by_default = settings.recovery != crate::config::Recovery::Asked;
    let recovery = Recovery { epoch, keep_ms, by_default };
    Some(Endpoint {
        path: settings.path.clone(),
        settings: times(config),
        application: Application::SocketIo(Namespaces::new(list, Some(recovery), Arc::clone(speech))),
    })
}

fn times(config: &Config) -> Arc<engineio::Settings> {
    let settings = &config.socketio;
    Arc::new(engineio::Settings {
        ping_interval_ms: settings.ping_interval.0,
        ping_timeout_ms: settings.ping_timeout.0,
        upgrade_timeout_ms: settings.upgrade_timeout.0,
        connect_timeout_ms: settings.connect_timeout.0,
        max_payload: settings.max_payload.to_usize(),
    })
}
