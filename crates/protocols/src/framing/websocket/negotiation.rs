//! The negotiation of permessage-deflate (RFC 7692, 5 and 7.1), the one extension that is spoken.

use super::deflate::{Deflate, Window};

const NAME: &str = "permessage-deflate";

/// What was agreed on with a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreement {
    /// How messages to it are compressed. Those from it are inflated.
    pub deflate: Deflate,
    /// The value of the response's `Sec-WebSocket-Extensions`.
    pub response: &'static str,
}

impl Agreement {
    /// Meets the first offer that can be met, of the values of a request's
    /// `Sec-WebSocket-Extensions`. Messages of `bytes_min` bytes and more are to be compressed.
    ///
    /// Neither side takes its context over from message to message, whether or not the client
    /// offered that (RFC 7692, 7.1.1): the server, because its frames are shared; the client, so
    /// that nothing is kept for it.
    pub(super) fn first<'a>(offers: impl IntoIterator<Item = &'a str>, bytes_min: u32) -> Option<Self> {
        let (window, response) = offers.into_iter().flat_map(|value| split(value, ',')).find_map(meet)?;
        Some(Self { deflate: Deflate { window, bytes_min }, response })
    }
}

/// The window that meets an offer, and the response. `None` declines it.
fn meet(offer: &str) -> Option<(Window, &'static str)> {
    let mut parts = split(offer, ';').map(str::trim_ascii);
    if !parts.next()?.eq_ignore_ascii_case(NAME) {
        return None;
    }
    let mut seen = Vec::new();
    let mut server_bits = None;
    for part in parts {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim_ascii(), Some(unquoted(value.trim_ascii())?)),
            None => (part, None),
        };
        // Each parameter once, and none that is not known (RFC 7692, 7.1).
        if seen.contains(&name) {
            return None;
        }
        seen.push(name);
        match (name, value) {
            ("server_no_context_takeover" | "client_no_context_takeover", None) => {}
            ("server_max_window_bits", Some(value)) => server_bits = Some(bits(value)?),
            // What the client may use is never more than what we take.
            ("client_max_window_bits", None) => {}
            ("client_max_window_bits", Some(value)) => {
                bits(value)?;
            }
            _ => return None,
        }
    }
    match server_bits {
        None => Some((Window::Full, "permessage-deflate; server_no_context_takeover; client_no_context_takeover")),
        Some(15) => Some((
            Window::Full,
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15",
        )),
        // No compressor here has a window of 256 bytes.
        Some(..9) => None,
        Some(9..) => Some((
            Window::Small,
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9",
        )),
    }
}

/// A number of bits: 8 to 15, without a zero before it (RFC 7692, 7.1.2).
fn bits(value: &str) -> Option<u8> {
    value.parse().ok().filter(|bits| (8..=15).contains(bits) && value.len() == if *bits < 10 { 1 } else { 2 })
}

/// A parameter's value without its quotes, in which nothing but a token may stand (RFC 6455, 9.1).
fn unquoted(value: &str) -> Option<&str> {
    match value.strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"'),
        None => Some(value),
    }
}

/// The members of a list, whose separator means nothing within quotes.
fn split(list: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    list.split(move |character| {
        is_quoted ^= character == '"';
        character == separator && !is_quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

    fn response(offers: &[&str]) -> Option<String> {
        Agreement::first(offers.iter().copied(), 1024).map(|agreement| {
            assert_eq!(agreement.deflate.bytes_min, 1024);
            let small = agreement.response.ends_with("=9");
            assert_eq!(agreement.deflate.window, if small { Window::Small } else { Window::Full });
            agreement.response.strip_prefix(PLAIN).expect("no context is ever taken over").to_owned()
        })
    }

    #[test]
    fn the_first_offer_that_can_be_met_is() {
        let bits = |bits: u8| Some(format!("; server_max_window_bits={bits}"));
        let plain = || Some(String::new());
        for (offers, expected) in [
            (&["permessage-deflate"][..], plain()),
            (&["Permessage-Deflate"], plain()),
            (&["permessage-deflate; client_max_window_bits"], plain()),
            (&["permessage-deflate;client_max_window_bits=8"], plain()),
            (&["permessage-deflate; server_no_context_takeover; client_no_context_takeover"], plain()),
            (&["permessage-deflate; server_max_window_bits=15"], bits(15)),
            (&["permessage-deflate; server_max_window_bits=\"15\""], bits(15)),
            (&["permessage-deflate; server_max_window_bits=14"], bits(9)),
            (&["permessage-deflate; server_max_window_bits=9 ; client_max_window_bits=10"], bits(9)),
            (&["permessage-deflate; server_max_window_bits=8"], None),
            (&["permessage-deflate; server_max_window_bits=8, permessage-deflate"], plain()),
            (
                &["permessage-deflate; server_max_window_bits=8", "permessage-deflate; server_max_window_bits=10"],
                bits(9),
            ),
            (&["x-webkit-deflate-frame, permessage-deflate; client_max_window_bits"], plain()),
            (&["foo; bar=\"a, permessage-deflate, b\""], None),
            (&["permessage-deflate; server_max_window_bits"], None),
            (&["permessage-deflate; server_max_window_bits=16"], None),
            (&["permessage-deflate; server_max_window_bits=7"], None),
            (&["permessage-deflate; server_max_window_bits=09"], None),
            (&["permessage-deflate; server_max_window_bits=+9"], None),
            (&["permessage-deflate; server_max_window_bits="], None),
            (&["permessage-deflate; server_max_window_bits=\"9"], None),
            (&["permessage-deflate; client_max_window_bits=16"], None),
            (&["permessage-deflate; server_no_context_takeover=1"], None),
            (&["permessage-deflate; client_no_context_takeover=true"], None),
            (&["permessage-deflate; server_no_context_takeover; server_no_context_takeover"], None),
            (&["permessage-deflate; client_max_window_bits; client_max_window_bits=9"], None),
            (&["permessage-deflate; mystery"], None),
            (&["permessage-deflate; "], None),
            (&["permessage-deflate-2"], None),
            (&["permessage-bzip2", ""], None),
            (&[], None),
        ] {
            assert_eq!(response(offers), expected, "{offers:?}");
        }
    }
}
