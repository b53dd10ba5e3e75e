//! What a request asks of the Engine.IO endpoint, and the table of its errors.

use super::sid::Sid;
use std::borrow::Cow;

/// The members of a request's query that mean something here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// `EIO`: the version of the protocol.
    pub version: Option<String>,
    pub transport: Option<String>,
    pub sid: Option<String>,
    /// `b64`: the client takes bytes only as base64.
    pub base64: bool,
    /// `EIO` stood before `transport`. All clients that know of connection state recovery write it so; clients that
    /// do not, and would be irritated by an additional argument, write it the other way round.
    pub version_first: bool,
}

/// How the client wants to be carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Polling,
    WebSocket,
}

/// A request's method, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Other,
}

/// A good request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Open a session by polling.
    Open,
    /// Open a session on a WebSocket.
    OpenWebSocket,
    /// Wait for packets.
    Poll(Sid),
    /// Here are packets.
    Post(Sid),
    /// Take the session over to a WebSocket.
    Upgrade(Sid),
}

/// Why a request is refused. The answer is a JSON object with an integer `code`, as official servers give it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    TransportUnknown,
    SessionUnknown,
    BadHandshakeMethod,
    BadRequest,
    /// With the words that say what would allow it.
    Forbidden(Cow<'static, str>),
    UnsupportedVersion,
}

impl Refused {
    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Forbidden(_) => 403,
            Self::TransportUnknown
            | Self::SessionUnknown
            | Self::BadHandshakeMethod
            | Self::BadRequest
            | Self::UnsupportedVersion => 400,
        }
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> String {
        let (code, message): (u8, &str) = match self {
            Self::TransportUnknown => (0, "Transport unknown"),
            Self::SessionUnknown => (1, "Session ID unknown"),
            Self::BadHandshakeMethod => (2, "Bad handshake method"),
            Self::BadRequest => (3, "Bad request"),
            Self::Forbidden(message) => (4, message.trim_end()),
            Self::UnsupportedVersion => (5, "Unsupported protocol version"),
        };
        let mut out = format!("{{\"code\":{code},\"message\":").into_bytes();
        crate::json::write::string(&mut out, message);
        out.push(b'}');
        // Only whole characters were put in.
        String::from_utf8(out).unwrap_or_default()
    }
}

impl Query {
    /// Reads a query; what is not known is ignored, of several the first counts.
    #[must_use]
    pub fn read(query: &str) -> Self {
        let mut read = Self::default();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "EIO" if read.version.is_none() => {
                    read.version = Some(value.to_owned());
                    read.version_first = read.transport.is_none();
                }
                "transport" if read.transport.is_none() => read.transport = Some(value.to_owned()),
                "sid" if read.sid.is_none() => read.sid = Some(value.to_owned()),
                "b64" => read.base64 = !matches!(value, "" | "0" | "false"),
                _ => {}
            }
        }
        read
    }

    /// Judges a request. `is_upgrade`: its headers ask for a WebSocket.
    ///
    /// # Errors
    /// The first row of the table that the request falls under.
    pub fn judge(&self, method: Method, is_upgrade: bool) -> Result<Ask, Refused> {
        let transport = match self.transport.as_deref() {
            Some("polling") => Transport::Polling,
            Some("websocket") => Transport::WebSocket,
            Some(_) | None => return Err(Refused::TransportUnknown),
        };
        if let Some(sid) = &self.sid {
            let sid = Sid::read(sid).ok_or(Refused::SessionUnknown)?;
            return match (transport, method, is_upgrade) {
                (Transport::Polling, Method::Get, false) => Ok(Ask::Poll(sid)),
                (Transport::Polling, Method::Post, false) => Ok(Ask::Post(sid)),
                (Transport::WebSocket, Method::Get, true) => Ok(Ask::Upgrade(sid)),
                (Transport::Polling | Transport::WebSocket, _, _) => Err(Refused::BadRequest),
            };
        }
        if method != Method::Get {
            return Err(Refused::BadHandshakeMethod);
        }
        let ask = match (transport, is_upgrade) {
            (Transport::Polling, false) => Ask::Open,
            (Transport::WebSocket, true) => Ask::OpenWebSocket,
            (Transport::Polling, true) | (Transport::WebSocket, false) => return Err(Refused::BadRequest),
        };
        if self.version.as_deref() == Some("4") { Ok(ask) } else { Err(Refused::UnsupportedVersion) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(query: &str, method: Method, is_upgrade: bool) -> Result<Ask, Refused> {
        Query::read(query).judge(method, is_upgrade)
    }

    #[test]
    fn good_requests() {
        let sid = Sid::new(0, 1, [7; 16]);
        let with = |transport: &str| format!("EIO=4&transport={transport}&sid={}", sid.text());
        for (query, method, is_upgrade, ask) in [
            ("EIO=4&transport=polling".to_owned(), Method::Get, false, Ask::Open),
            ("transport=polling&EIO=4&t=1".to_owned(), Method::Get, false, Ask::Open),
            ("EIO=4&transport=websocket".to_owned(), Method::Get, true, Ask::OpenWebSocket),
            (with("polling"), Method::Get, false, Ask::Poll(sid)),
            (with("polling"), Method::Post, false, Ask::Post(sid)),
            (with("websocket"), Method::Get, true, Ask::Upgrade(sid)),
        ] {
            assert_eq!(judge(&query, method, is_upgrade), Ok(ask), "{query}");
        }
        assert!(Query::read("EIO=4&transport=polling").version_first);
        assert!(!Query::read("transport=polling&EIO=4").version_first);
        assert!(Query::read("EIO=4&transport=polling&b64=1").base64);
    }

    #[test]
    fn each_row_of_the_table_of_errors() {
        let known = Sid::new(0, 1, [7; 16]).text();
        let wrong = |transport: &str| format!("EIO=4&transport={transport}&sid={known}");
        for (query, method, is_upgrade, refused) in [
            (String::new(), Method::Get, false, Refused::TransportUnknown),
            ("EIO=4".to_owned(), Method::Get, false, Refused::TransportUnknown),
            ("EIO=4&transport=abc".to_owned(), Method::Get, false, Refused::TransportUnknown),
            ("EIO=4&transport=constructor".to_owned(), Method::Get, false, Refused::TransportUnknown),
            ("EIO=4&transport=__proto__".to_owned(), Method::Post, false, Refused::TransportUnknown),
            ("EIO=4&transport=polling&sid=abc".to_owned(), Method::Get, false, Refused::SessionUnknown),
            ("EIO=4&transport=polling&sid=".to_owned(), Method::Post, false, Refused::SessionUnknown),
            ("EIO=4&transport=polling".to_owned(), Method::Post, false, Refused::BadHandshakeMethod),
            ("EIO=4&transport=polling".to_owned(), Method::Other, false, Refused::BadHandshakeMethod),
            ("EIO=4&transport=websocket".to_owned(), Method::Get, false, Refused::BadRequest),
            ("EIO=4&transport=polling".to_owned(), Method::Get, true, Refused::BadRequest),
            (wrong("websocket"), Method::Get, false, Refused::BadRequest),
            (wrong("polling"), Method::Other, false, Refused::BadRequest),
            (wrong("polling"), Method::Get, true, Refused::BadRequest),
            ("transport=polling".to_owned(), Method::Get, false, Refused::UnsupportedVersion),
            ("EIO=3&transport=polling".to_owned(), Method::Get, false, Refused::UnsupportedVersion),
            ("EIO=5&transport=polling".to_owned(), Method::Get, false, Refused::UnsupportedVersion),
            ("EIO=abc&transport=websocket".to_owned(), Method::Get, true, Refused::UnsupportedVersion),
        ] {
            assert_eq!(judge(&query, method, is_upgrade), Err(refused), "{query} {method:?}");
        }
    }

    #[test]
    fn codes_are_integers() {
        for (refused, status, body) in [
            (Refused::TransportUnknown, 400, r#"{"code":0,"message":"Transport unknown"}"#),
            (Refused::SessionUnknown, 400, r#"{"code":1,"message":"Session ID unknown"}"#),
            (Refused::BadHandshakeMethod, 400, r#"{"code":2,"message":"Bad handshake method"}"#),
            (Refused::BadRequest, 400, r#"{"code":3,"message":"Bad request"}"#),
            (Refused::Forbidden("no \"x\"".into()), 403, r#"{"code":4,"message":"no \"x\""}"#),
            (Refused::UnsupportedVersion, 400, r#"{"code":5,"message":"Unsupported protocol version"}"#),
        ] {
            assert_eq!((refused.status(), &*refused.body()), (status, body));
        }
    }
}
