//! Requests out of bytes, and the parameters of a request.

use switchboard_protocols::framing::utf8::unfinished_len;

use super::{PARAMETERS_MAX, REQUEST_BYTES_MAX};

/// What one reply for each of its parameters is owed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    bytes: Vec<u8>,
    /// How it ended, and how its replies do.
    pub(super) end: LineEnd,
}

/// How a request ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineEnd {
    None,
    Lf,
    CrLf,
}

impl LineEnd {
    /// The bytes of this end.
    pub(super) const fn bytes(self) -> &'static [u8] {
        match self {
            Self::None => b"",
            Self::Lf => b"\n",
            Self::CrLf => b"\r\n",
        }
    }
}

impl Request {
    /// A datagram or a WebSocket message.
    pub(super) fn from_message(message: &[u8]) -> Self {
        let mut bytes = message.to_vec();
        let end = if bytes.ends_with(b"\r\n") {
            LineEnd::CrLf
        } else if bytes.ends_with(b"\n") {
            LineEnd::Lf
        } else {
            LineEnd::None
        };
        bytes.truncate(message.len() - end.bytes().len());
        Self { bytes, end }
    }

    /// All of it, without its end.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What stands between the commas: at least one parameter, which may be empty.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.splitn(PARAMETERS_MAX, |byte| *byte == b',')
    }
}

/// A request is longer than [`REQUEST_BYTES_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line longer than {REQUEST_BYTES_MAX} bytes")]
pub(super) struct TooLong;

/// What certainly arrives together when it was sent together: a packet carries more than this many bytes.
const TOGETHER_BYTES_MAX: usize = 1_024;

/// Cuts a byte stream into requests.
///
/// Until the first LF, what arrives together is a request by itself, unless it ends inside a UTF-8 character: the
/// client is one that sends no newlines and waits for its replies. What is too long to arrive together must be followed
/// by a quiet moment. After the first LF only lines count.
#[derive(Debug, Default)]
pub(super) struct RequestDecoder {
    pending: Vec<u8>,
    has_seen_lf: bool,
}

impl RequestDecoder {
    /// Takes the next request from the front of `input`; `None` when all of it was used.
    pub(super) fn next_request(&mut self, input: &mut &[u8]) -> Result<Option<Request>, TooLong> {
        let lf = input.iter().position(|byte| *byte == b'\n');
        // With its LF, so that the end is recognised across inputs.
        let piece = &input[..lf.map_or(input.len(), |at| at + 1)];
        *input = &input[piece.len()..];
        self.pending.extend_from_slice(piece);
        let request_len = self.pending.strip_suffix(b"\n").map_or(self.pending.len(), <[u8]>::len);
        if request_len > REQUEST_BYTES_MAX {
            return Err(TooLong);
        }
        self.has_seen_lf |= lf.is_some();
        let is_chunk = (1..=TOGETHER_BYTES_MAX).contains(&self.pending.len()) && self.may_end_here();
        Ok(if lf.is_some() || is_chunk { Some(self.take()) } else { None })
    }

    /// Whether a quiet moment would end a request.
    pub(super) fn awaits_quiet(&self) -> bool {
        !self.pending.is_empty() && self.may_end_here()
    }

    /// What a quiet moment makes a request of.
    pub(super) fn quiet(&mut self) -> Option<Request> {
        if self.awaits_quiet() { Some(self.take()) } else { None }
    }

    /// What is left when the client sends no more.
    pub(super) fn finish(mut self) -> Option<Request> {
        if self.pending.is_empty() { None } else { Some(self.take()) }
    }

    fn may_end_here(&self) -> bool {
        !self.has_seen_lf && unfinished_len(&self.pending) == 0
    }

    fn take(&mut self) -> Request {
        let request = Request::from_message(&self.pending);
        self.pending = Vec::new();
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests, each as its bytes and its end, and what is left at the end.
    type Decoded = (Vec<(Vec<u8>, LineEnd)>, Option<Vec<u8>>);

    fn decode(inputs: &[&[u8]]) -> Decoded {
        let mut decoder = RequestDecoder::default();
        let mut requests = Vec::new();
        for mut input in inputs.iter().copied() {
            while let Some(request) = decoder.next_request(&mut input).unwrap() {
                requests.push((request.bytes, request.end));
            }
            assert!(input.is_empty());
        }
        (requests, decoder.finish().map(|request| request.bytes))
    }

    #[test]
    fn inputs_are_requests_until_the_first_newline_and_lines_from_there_on() {
        use LineEnd::{CrLf, Lf, None as Open};
        type Case = (&'static [&'static str], &'static [(&'static str, LineEnd)], Option<&'static str>);
        let cases: &[Case] = &[
            (&["a,b,c"], &[("a,b,c", Open)], None),
            (&["a", "b"], &[("a", Open), ("b", Open)], None),
            (&["a\nb\r\n"], &[("a", Lf), ("b", CrLf)], None),
            (&["a", "b\n", "c", "d\n"], &[("a", Open), ("b", Lf), ("cd", Lf)], None),
            (&["a\nb", "c"], &[("a", Lf)], Some("bc")),
            (&["\n", "\n\n"], &[("", Lf), ("", Lf), ("", Lf)], None),
            (&["x\n", "a\r", "\n"], &[("x", Lf), ("a", CrLf)], None),
            (&["x\na\rb\n"], &[("x", Lf), ("a\rb", Lf)], None),
            (&["", ""], &[], None),
        ];
        for (inputs, requests, rest) in cases {
            let inputs: Vec<&[u8]> = inputs.iter().map(|input| input.as_bytes()).collect();
            let expected: Vec<_> = requests.iter().map(|(text, end)| (text.as_bytes().to_vec(), *end)).collect();
            let rest = rest.map(|rest| rest.as_bytes().to_vec());
            assert_eq!(decode(&inputs), (expected, rest), "{inputs:?}");
        }
    }

    #[test]
    fn a_character_is_not_cut_and_what_is_no_character_does_not_wait() {
        let (requests, rest) = decode(&[b"a\xE2", b"\x82", b"\xAC", b"b"]);
        assert_eq!(requests, [("a€".into(), LineEnd::None), ("b".into(), LineEnd::None)]);
        assert_eq!(rest, None);
        assert_eq!(decode(&[b"a\xE2\x82"]), (vec![], Some(b"a\xE2\x82".to_vec())));
        assert_eq!(decode(&[b"\xFF"]).0, [(vec![0xFF], LineEnd::None)]);
    }

    #[test]
    fn what_does_not_arrive_together_ends_with_a_quiet_moment() {
        let half = "x".repeat(TOGETHER_BYTES_MAX);
        let mut decoder = RequestDecoder::default();
        assert!(!decoder.awaits_quiet());
        let long = format!("{half}é");
        let (begun, rest) = long.as_bytes().split_at(TOGETHER_BYTES_MAX + 1);
        assert_eq!(decoder.next_request(&mut &*begun), Ok(None));
        assert!(!decoder.awaits_quiet() && decoder.quiet().is_none(), "not inside a character");
        assert_eq!(decoder.next_request(&mut &*rest), Ok(None));
        assert!(decoder.awaits_quiet());
        assert_eq!(decoder.quiet().unwrap().bytes(), long.as_bytes());
        assert!(!decoder.awaits_quiet());
        assert!(decoder.next_request(&mut half.as_bytes()).unwrap().is_some());

        assert_eq!(decode(&[long.as_bytes(), b"\n", long.as_bytes()]).0.len(), 1);
    }

    #[test]
    fn parameters_stand_between_the_commas() {
        let parameters = |text: &str| -> Vec<String> {
            let request = Request::from_message(text.as_bytes());
            request.parameters().map(|bytes| String::from_utf8(bytes.to_vec()).unwrap()).collect()
        };
        assert_eq!(parameters("a,b,c\n"), ["a", "b", "c"]);
        assert_eq!(parameters("a,,b"), ["a", "", "b"]);
        assert_eq!(parameters(","), ["", ""]);
        assert_eq!(parameters(""), [""]);
        assert_eq!(parameters("a, b\r\n"), ["a", " b"]);
        let many = parameters(&",".repeat(PARAMETERS_MAX + 5));
        assert_eq!(many.len(), PARAMETERS_MAX);
        assert_eq!(many[PARAMETERS_MAX - 1], ",".repeat(6));
    }

    #[test]
    fn a_request_may_have_all_of_its_bytes_and_not_one_more() {
        let longest = vec![b'x'; REQUEST_BYTES_MAX];
        let (requests, _) = decode(&[b"\n", &longest, b"\n"]);
        assert_eq!(requests[1], (longest.clone(), LineEnd::Lf));

        let mut decoder = RequestDecoder { has_seen_lf: true, ..RequestDecoder::default() };
        assert_eq!(decoder.next_request(&mut &longest[..]), Ok(None));
        assert_eq!(decoder.next_request(&mut &b"x"[..]), Err(TooLong));
        assert_eq!(TooLong.to_string(), "line longer than 65536 bytes");
    }
}
