//! What types and ranges cannot say: the rules of single settings, and those that bind several together.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use ipnet::IpNet;

use crate::authority::{Host, Origin};

use super::namespaces::{NamespaceEntry, is_path_char};
use super::secret::{Secret, UdpToken};
use super::settings::Config;
use super::units::{Bytes, excerpt};

/// A character of a message takes up to four bytes of UTF-8 on the wire.
const CHAR_BYTES_MAX: u64 = 4;

/// What a JSON line holds around the text of a message: its other fields, with the longest names.
const ENVELOPE_BYTES: u64 = 512;

const JOIN_CODE_CHARS_MAX: usize = 128;
const WELCOME_CHARS_MAX: usize = 200;
const TOKEN_CHARS: std::ops::RangeInclusive<usize> = 8..=128;

/// The networks of this machine alone (RFC 1122, 3.2.1.3; RFC 4291, 2.5.3).
pub(super) fn loopback() -> Vec<IpNet> {
    [(IpAddr::V4(Ipv4Addr::LOCALHOST), 8), (IpAddr::V6(Ipv6Addr::LOCALHOST), 128)]
        .into_iter()
        .filter_map(|(address, prefix)| IpNet::new(address, prefix).ok())
        .map(|network| network.trunc())
        .collect()
}

/// A join code is typed by people after `/pass`: one word, and not a book.
pub(super) fn join_code(code: &Option<Secret>) -> Result<(), String> {
    let Some(code) = code.as_ref().map(Secret::expose) else {
        return Ok(());
    };
    if code.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("must be one word, without spaces".to_owned());
    }
    if code.chars().count() > JOIN_CODE_CHARS_MAX {
        return Err(format!("must have at most {JOIN_CODE_CHARS_MAX} characters"));
    }
    Ok(())
}

/// The greeting is ASCII and short, because a client that reads once must get it whole and whatever its encoding.
pub(super) fn welcome(text: &str) -> Result<(), String> {
    if let Some(c) = text.chars().find(|c| !matches!(c, ' '..='~')) {
        return Err(format!("must be one line of ASCII, without {c:?}"));
    }
    if text.len() > WELCOME_CHARS_MAX {
        return Err(format!("must have at most {WELCOME_CHARS_MAX} characters, not {}", text.len()));
    }
    let mut rest = text;
    while let Some(start) = rest.find(['{', '}']) {
        let placeholder = ["{nick}", "{room}", "{help}"].into_iter().find(|name| rest[start..].starts_with(name));
        let Some(name) = placeholder else {
            return Err(format!("may hold {{nick}}, {{room}} and {{help}} in braces, not {}", excerpt(&rest[start..])));
        };
        rest = &rest[start + name.len()..];
    }
    Ok(())
}

/// Names of rooms, as far as no setting has a say: the rooms themselves are stricter.
pub(super) fn rooms(rooms: &[String]) -> Result<(), String> {
    rooms.iter().try_for_each(|room| room_name(room))
}

fn room_name(room: &str) -> Result<(), String> {
    if room.is_empty() || room.chars().any(char::is_control) {
        return Err(format!("must name rooms, which {} does not", excerpt(room)));
    }
    Ok(())
}

/// A path of HTTP that other pages leave free.
pub(super) fn socketio_path(path: &str) -> Result<(), String> {
    let is_path = path.len() > 2 && path.starts_with('/') && path.ends_with('/') && path.chars().all(is_path_char);
    if is_path && path != "/poll/" {
        Ok(())
    } else {
        Err(format!("must be a path such as \"/socket.io/\", not {}", excerpt(path)))
    }
}

/// A name that clients may emit and that is not the server's own word. Empty is none.
pub(super) fn event_name(name: &str) -> Result<(), String> {
    if name.len() > 128 || name.chars().any(char::is_control) {
        return Err("must be an event's name of at most 128 bytes".to_owned());
    }
    Ok(())
}

/// Namespaces beside the chat, each once.
pub(super) fn namespaces(entries: &[String]) -> Result<(), String> {
    let mut paths = BTreeSet::new();
    for entry in entries {
        let Some(NamespaceEntry { path, .. }) = NamespaceEntry::read(entry) else {
            let form = "\"/PATH\" or \"/PATH others|all|none json|msgpack|any presence from\"";
            return Err(format!("must hold {form}, not {}", excerpt(entry)));
        };
        if path == "/chat" || !paths.insert(path) {
            return Err(format!("must name each namespace once, and not /chat: {}", excerpt(path)));
        }
    }
    if entries.len() > 16 { Err("must have at most 16 namespaces".to_owned()) } else { Ok(()) }
}

/// Host names and addresses as a browser sends them, without scheme, path or port.
pub(super) fn hosts(hosts: &[String]) -> Result<(), String> {
    match hosts.iter().find(|host| Host::parse(host).is_none()) {
        Some(host) => Err(format!(
            "must hold host names such as \"chat.example.org\" or addresses such as \"192.0.2.1\", not {}",
            excerpt(host)
        )),
        None => Ok(()),
    }
}

/// Origins as a browser sends them (RFC 6454 section 6.2), without a path.
pub(super) fn origins(origins: &[String]) -> Result<(), String> {
    match origins.iter().find(|origin| Origin::parse(origin).is_none()) {
        Some(origin) => Err(format!("must hold origins such as \"https://www.example.org\", not {}", excerpt(origin))),
        None => Ok(()),
    }
}

/// A folder that is there and may be entered. One that is missing at the start is a mistake, and would be nothing but 404.
pub(super) fn folder(folder: &Option<PathBuf>) -> Result<(), String> {
    let Some(folder) = folder else { return Ok(()) };
    std::fs::metadata(folder.join(".")).map(drop).map_err(|error| {
        let reason = match error.kind() {
            std::io::ErrorKind::NotFound => "there is none".to_owned(),
            std::io::ErrorKind::NotADirectory => "that is a file".to_owned(),
            _ => error.to_string(),
        };
        format!("must be a folder, not {}: {reason}", folder.display())
    })
}

/// A token is the whole proof of a datagram, so each must be hard to guess and say for one sender only.
pub(super) fn tokens(tokens: &BTreeMap<String, UdpToken>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for (name, UdpToken { token, room }) in tokens {
        let token = token.expose();
        if !TOKEN_CHARS.contains(&token.len()) || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            let (low, high) = (TOKEN_CHARS.start(), TOKEN_CHARS.end());
            return Err(format!("{name}.token must be {low} to {high} visible ASCII characters"));
        }
        if !seen.insert(token) {
            return Err(format!("{name}.token must differ from every other token"));
        }
        room_name(room).map_err(|clause| format!("{name}.room {clause}"))?;
    }
    Ok(())
}

/// Every rule that binds several settings together and is broken, as a sentence that begins with a setting's name.
pub(super) fn together(config: &Config) -> Vec<String> {
    let Config { server, tls, rooms, udp, limits, auth: _, text: _, store: _, http, websocket: _, socketio, log: _ } =
        config;
    let mut broken = Vec::new();
    let mut require = |holds: bool, sentence: String| {
        if !holds {
            broken.push(sentence);
        }
    };

    require(tls.cert.is_none() || tls.key.is_some(), "tls.key must be set, because tls.cert is".to_owned());
    require(tls.key.is_none() || tls.cert.is_some(), "tls.cert must be set, because tls.key is".to_owned());
    require(
        !tls.self_signed || tls.cert.is_none(),
        "tls.self_signed must be false, because tls.cert is set".to_owned(),
    );
    require(
        !server.proxy_protocol || !server.trusted_proxies.is_empty(),
        "server.trusted_proxies must name the proxies, because server.proxy_protocol is true".to_owned(),
    );
    require(
        !http.spa || http.static_dir.is_some(),
        "http.static_dir must name the folder with index.html, because http.spa is true".to_owned(),
    );

    let rooms_max = limits.rooms_per_session;
    require(
        rooms.auto_join.len() <= rooms_max as usize,
        format!("rooms.auto_join must name at most {rooms_max} rooms (limits.rooms_per_session)"),
    );
    let named = rooms.auto_join.iter().map(|room| ("rooms.auto_join", room));
    for (setting, room) in named.chain(udp.tokens.values().map(|token| ("udp.tokens", &token.room))) {
        let (chars, chars_max) = (room.chars().count(), limits.room_chars);
        require(
            chars <= chars_max as usize,
            format!("{setting} names a room of {chars} characters, more than limits.room_chars ({chars_max})"),
        );
    }

    let message = Bytes(u64::from(limits.message_chars) * CHAR_BYTES_MAX + ENVELOPE_BYTES);
    let received = limits.line_bytes.max(limits.frame_bytes);
    for (setting, bytes, least, reason) in [
        ("limits.line_bytes", limits.line_bytes, message, "for limits.message_chars characters of four bytes"),
        ("limits.frame_bytes", limits.frame_bytes, message, "for limits.message_chars characters of four bytes"),
        ("limits.outbox_bytes", limits.outbox_bytes, Bytes(received.0 * 2), "twice limits.line_bytes and frame_bytes"),
        ("limits.gate_bytes", limits.gate_bytes, received, "as much as limits.line_bytes and frame_bytes"),
        ("limits.batch_bytes", limits.batch_bytes, received, "as much as limits.line_bytes and frame_bytes"),
    ] {
        require(bytes >= least, format!("{setting} must be at least {least} ({reason}), not {bytes}"));
    }
    let body = Bytes(socketio.max_payload.0 * 2);
    require(
        limits.http_bytes_total >= body,
        format!(
            "limits.http_bytes_total must be at least {body} (twice socketio.max_payload), not {}",
            limits.http_bytes_total
        ),
    );
    if let Some(total) = limits.outboxes_total_bytes {
        let one = limits.outbox_bytes;
        require(
            total >= one,
            format!("limits.outboxes_total_bytes must be at least {one} (one limits.outbox_bytes), not {total}"),
        );
    }
    broken
}
