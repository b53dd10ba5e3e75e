//! Whom a browser may be: the rules for the Host and Origin headers.

use crate::authority::{Authority, Host, Origin};
use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};

/// Characters of a header that are shown; longer than any host name.
const SHOWN_CHARS_MAX: usize = 260;

/// What the operator allows besides the server's own addresses.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Hosts by which browsers reach the server.
    hosts: Vec<Host>,
    /// Origins of other sites whose pages may connect.
    origins: Vec<Origin>,
}

/// Why a browser's request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misled {
    /// The Host is none of ours: somebody else's name leads here (DNS rebinding).
    Host(String),
    /// A page of another site wants to connect.
    Origin(String),
}

impl Misled {
    /// The status: 421 for a foreign Host (RFC 9110, 15.5.20), 403 for a foreign Origin.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Host(_) => 421,
            Self::Origin(_) => 403,
        }
    }

    /// A sentence that names what was refused, and the setting that would allow it.
    #[must_use]
    pub fn message(&self) -> String {
        let refused = self.refused();
        match (self.setting(), self.entry()) {
            (setting, Some(entry)) => format!("{refused}; {setting}=[\"{entry}\"] would allow it{}\n", self.caution()),
            (setting, None) => format!("{refused}, and is nothing that {setting} could allow\n"),
        }
    }

    fn refused(&self) -> String {
        match self {
            Self::Host(host) => format!("host {} is not served here", shown(host)),
            Self::Origin(origin) => format!("origin {} may not connect here", shown(origin)),
        }
    }

    const fn setting(&self) -> &'static str {
        match self {
            Self::Host(_) => "http.hosts",
            Self::Origin(_) => "http.origins",
        }
    }

    /// What the setting has to hold to allow it. `None`: nothing that it may hold does.
    fn entry(&self) -> Option<String> {
        match self {
            Self::Host(host) => {
                // Of an IPv6 address and a port without brackets between them, the port is the likelier.
                Authority::readings(host).last().map(|authority| authority.host.to_string())
            }
            Self::Origin(origin) => Origin::parse(origin).map(|origin| origin.to_string()),
        }
    }

    fn caution(&self) -> &'static str {
        match self {
            Self::Origin(origin) if origin == "null" => ", and with it every page that hides its origin",
            Self::Host(_) | Self::Origin(_) => "",
        }
    }
}

/// A header's value as it may be shown: what a stranger sent, escaped and cut.
fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

impl Policy {
    /// The policy of the settings `http.hosts` and `http.origins`.
    #[must_use]
    pub fn new(hosts: &[String], origins: &[String]) -> Self {
        Self {
            hosts: hosts.iter().filter_map(|host| Host::parse(host)).collect(),
            origins: origins.iter().filter_map(|origin| Origin::parse(origin)).collect(),
        }
    }

    /// Checks a request that arrived at `local`. No Host: an HTTP/1.0 client; no Origin: not a page. Neither is a
    /// browser.
    ///
    /// # Errors
    /// What the request must not say.
    pub fn check(&self, host: Option<&str>, origin: Option<&str>, local: SocketAddr) -> Result<(), Misled> {
        let local_ip = local.ip().to_canonical();
        let served = || {
            let readings = host.into_iter().flat_map(Authority::readings);
            readings.filter(|authority| self.serves(&authority.host, local_ip))
        };
        if let Some(text) = host.filter(|_| served().next().is_none()) {
            return Err(Misled::Host(text.to_owned()));
        }
        let Some(text) = origin else { return Ok(()) };
        let is_allowed = Origin::parse(text).is_some_and(|origin| {
            self.origins.contains(&origin)
                || (local_ip.is_loopback() && origin.is_loopback())
                || served().any(|own| origin.is_at(&own))
        });
        if is_allowed { Ok(()) } else { Err(Misled::Origin(text.to_owned())) }
    }

    fn serves(&self, host: &Host, local: IpAddr) -> bool {
        let is_own = match host {
            Host::Ip(ip) => *ip == local || (local.is_loopback() && ip.is_loopback()),
            Host::Name(_) => host.is_loopback(),
        };
        is_own || self.hosts.contains(host)
    }

    /// A line for the log: what was refused, and the whole option that would allow it beside all that is allowed now.
    #[must_use]
    pub fn advice(&self, misled: &Misled) -> String {
        let refused = misled.refused();
        let Some(entry) = misled.entry() else {
            return format!("{refused}, and is nothing that {} could allow", misled.setting());
        };
        let list = match misled {
            Misled::Host(_) => list(&self.hosts, &entry),
            Misled::Origin(_) => list(&self.origins, &entry),
        };
        format!("{refused}; to allow it{}: --set '{}=[{list}]'", misled.caution(), misled.setting())
    }
}

/// The elements of a TOML list: what is there, and one more.
fn list(there: &[impl Display], more: &str) -> String {
    let there = there.iter().map(|one| format!("\"{one}\""));
    there.chain([format!("\"{more}\"")]).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_origins() {
        let policy =
            Policy::new(&["chat.example.org".into(), "[2001:db8::9]".into()], &["https://app.example.org".into()]);
        let loopback = "127.0.0.1:12345";
        let public = "192.0.2.1:443";
        let mapped = "[::ffff:192.0.2.1]:443";
        let v6 = "[2001:db8::1]:443";
        let host = |text: &str| Err(Misled::Host(text.into()));
        let origin = |text: &str| Err(Misled::Origin(text.into()));
        let cases = [
            (loopback, None, None, Ok(())),
            (loopback, Some("localhost:12345"), None, Ok(())),
            (loopback, Some("LOCALHOST:12345"), None, Ok(())),
            (loopback, Some("localhost."), None, Ok(())),
            (loopback, Some("dev.localhost.:12345"), None, Ok(())),
            (loopback, Some("127.0.0.1:12345"), None, Ok(())),
            (loopback, Some("127.9.9.9"), None, Ok(())),
            (loopback, Some("[::1]:12345"), None, Ok(())),
            (loopback, Some("::1:12345"), None, Ok(())),
            (loopback, Some("::1:8080"), None, Ok(())),
            (loopback, Some("::1"), None, Ok(())),
            (loopback, Some("[::ffff:127.0.0.1]"), None, Ok(())),
            (loopback, Some("evil.example:12345"), None, host("evil.example:12345")),
            (loopback, Some("localhost.evil.example"), None, host("localhost.evil.example")),
            (loopback, Some("192.0.2.1"), None, host("192.0.2.1")),
            (loopback, Some(""), None, host("")),
            (loopback, Some("localhost:12345"), Some("http://localhost:5173"), Ok(())),
            (loopback, Some("localhost:12345"), Some("http://127.0.0.1:3000"), Ok(())),
            (loopback, Some("localhost:12345"), Some("http://[::1]:3000"), Ok(())),
            (loopback, Some("localhost:12345"), Some("capacitor://localhost"), Ok(())),
            (loopback, Some("localhost:12345"), Some("null"), origin("null")),
            (loopback, Some("localhost:12345"), Some("file://"), origin("file://")),
            (loopback, Some("localhost:12345"), Some("https://evil.example"), origin("https://evil.example")),
            (
                loopback,
                Some("localhost:12345"),
                Some("http://localhost.evil.example"),
                origin("http://localhost.evil.example"),
            ),
            (public, Some("chat.example.org"), Some("https://chat.example.org"), Ok(())),
            (public, Some("chat.example.org."), Some("https://chat.example.org."), Ok(())),
            (public, Some("Chat.Example.org:443"), Some("https://chat.example.org"), Ok(())),
            (public, Some("chat.example.org"), Some("https://chat.example.org:443"), Ok(())),
            (
                public,
                Some("chat.example.org"),
                Some("https://chat.example.org:8443"),
                origin("https://chat.example.org:8443"),
            ),
            (public, Some("chat.example.org"), Some("https://app.example.org"), Ok(())),
            (public, Some("chat.example.org"), Some("https://APP.example.org:443"), Ok(())),
            (public, Some("chat.example.org"), Some("http://app.example.org"), origin("http://app.example.org")),
            (public, Some("chat.example.org"), Some("http://localhost:3000"), origin("http://localhost:3000")),
            (public, Some("192.0.2.1"), Some("http://192.0.2.1"), Ok(())),
            (mapped, Some("192.0.2.1"), Some("http://192.0.2.1"), Ok(())),
            (public, Some("other.example.org"), None, host("other.example.org")),
            (public, Some("127.0.0.1"), None, host("127.0.0.1")),
            (public, Some("[2001:db8::9]:8080"), Some("http://[2001:db8::9]:8080"), Ok(())),
            (public, Some("2001:DB8:0::9"), None, Ok(())),
            (v6, Some("2001:db8::1:443"), Some("https://[2001:db8::1]"), Ok(())),
            (v6, Some("[2001:db8::2]"), None, host("[2001:db8::2]")),
        ];
        for (local, host, origin, expected) in cases {
            let local = local.parse().expect("an address");
            assert_eq!(policy.check(host, origin, local), expected, "{host:?} {origin:?} at {local}");
        }
    }

    #[test]
    fn an_address_among_the_hosts_matches_however_it_is_written() {
        let local = "172.17.0.2:12345".parse().expect("an address");
        for (setting, asked) in [
            ("203.0.113.7", "203.0.113.7:8080"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("203.0.113.7", "[::ffff:cb00:7107]:80"),
            ("2001:db8::7", "[2001:DB8:0:0:0:0:0:7]:8080"),
            ("[2001:db8:0::7]", "[2001:db8::7]"),
            ("2001:db8::7", "2001:db8::7:12345"),
            ("Chat.Example.org.", "chat.example.ORG"),
            ("chat.example.org", "chat.example.org.:8080"),
        ] {
            assert!(Policy::default().check(Some(asked), None, local).is_err(), "{asked}");
            assert_eq!(
                Policy::new(&[setting.into()], &[]).check(Some(asked), None, local),
                Ok(()),
                "{setting} {asked}"
            );
        }
    }

    /// Refuses, does what the log advises, and asks again.
    fn follow(policy: &Policy, host: &str, origin: Option<&str>) -> String {
        let local = "192.0.2.1:443".parse().expect("an address");
        let misled = policy.check(Some(host), origin, local).expect_err("a refusal");
        let advice = policy.advice(&misled);
        let (_, option) = advice.split_once("--set '").expect("an option");
        let (setting, list) = option.trim_end_matches('\'').split_once('=').expect("a setting");
        let list: Vec<String> = serde_json::from_str(list).expect("a list");
        let followed = match setting {
            "http.hosts" => Policy { origins: policy.origins.clone(), ..Policy::new(&list, &[]) },
            "http.origins" => Policy { hosts: policy.hosts.clone(), ..Policy::new(&[], &list) },
            other => panic!("{other}"),
        };
        assert_eq!(followed.check(Some(host), origin, local), Ok(()), "{advice}");
        advice
    }

    #[test]
    fn what_a_refusal_advises_works() {
        let policy = Policy::new(&["chat.example.org".into()], &["https://app.example.org".into()]);
        for host in
            ["other.example.org", "Other.example.org.:8080", "198.51.100.1:80", "[2001:db8::5]:80", "2001:db8::5:8080"]
        {
            follow(&policy, host, None);
        }
        for origin in [
            "null",
            "file://",
            "https://www.example.org",
            "http://localhost:5173",
            "http://[::1]:80",
            "HTTPS://Www.Example.Org:8443",
            "capacitor://localhost",
            "ionic://localhost",
            "tauri://localhost",
            "app://obsidian.md",
            "chrome-extension://abcdefghijklmnop",
            "moz-extension://1b2c-3d4e",
        ] {
            follow(&policy, "chat.example.org", Some(origin));
        }
        assert_eq!(
            follow(&policy, "Other.example.org:80", None),
            "host \"Other.example.org:80\" is not served here; to allow it: \
             --set 'http.hosts=[\"chat.example.org\", \"other.example.org\"]'",
            "what is allowed stays allowed"
        );
        assert_eq!(
            follow(&policy, "chat.example.org", Some("null")),
            "origin \"null\" may not connect here; to allow it, and with it every page that hides its origin: \
             --set 'http.origins=[\"https://app.example.org\", \"null\"]'"
        );
    }

    #[test]
    fn what_cannot_be_allowed_is_not_promised() {
        let policy = Policy::default();
        let long = "x".repeat(10_000);
        for misled in [
            Misled::Host("a b".into()),
            Misled::Host(String::new()),
            Misled::Host(long.clone()),
            Misled::Origin("https://a.example https://b.example".into()),
            Misled::Origin("'; rm -rf /".into()),
            Misled::Origin(long),
        ] {
            for words in [misled.message(), policy.advice(&misled)] {
                assert!(words.contains("nothing that http.") && !words.contains("--set"), "{words}");
                assert!(words.len() < 400, "{} bytes", words.len());
            }
        }
        let misled = Misled::Host("evil.example:1".into());
        assert_eq!(
            misled.message(),
            "host \"evil.example:1\" is not served here; http.hosts=[\"evil.example\"] would allow it\n"
        );
    }
}
