//! The msgpack parser of Socket.IO: a whole packet as one binary message, read into the usual form and written from it.
//!
//! A packet is a map of `type`, `nsp`, `data` and `id`. Bytes in `data` become attachments, and back. What JSON cannot
//! say (dates, typed arrays, numbers that are none) is kept beside it for receivers with the same parser.

mod dates;
mod read;
mod write;

pub use read::{PackedArgs, Unpacked, read};
pub use write::write;
pub(crate) use write::{array, has_its_attachments, relayed};

/// Maps and arrays within each other at most, in what is read.
const DEPTH_MAX: usize = 64;
/// The type of a date as the msgpack specification has it: 32, 64 or 96 bits of seconds and nanoseconds.
const TIMESTAMP: i8 = -1;
/// The type of the parser's own extensions: with 1 byte `undefined`, with 8 a date in milliseconds, and with a length
/// that is written out an `ArrayBuffer`.
const NOTEPACK: i8 = 0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socketio::packet::Malformed;
    use proptest::prelude::*;
    use std::sync::Arc;

    /// A packet's text and its attachments.
    type Text = (String, Vec<Arc<[u8]>>);

    fn text(bytes: &[u8]) -> Result<Text, Malformed> {
        read(bytes).map(|read| (read.text, read.attachments))
    }

    /// An event `a` of the namespace `/` with these bytes for its one argument.
    fn event(argument: &[u8]) -> Vec<u8> {
        [b"\x83\xa4type\x02\xa4data\x92\xa1a".as_slice(), argument, b"\xa3nsp\xa1/"].concat()
    }

    /// How it reads for everybody, and for clients with the same parser.
    fn both(argument: &[u8]) -> (String, Vec<Vec<u8>>, Option<Vec<u8>>) {
        let read = read(&event(argument)).unwrap_or_else(|_| panic!("{argument:x?} is read"));
        let (_, json) = read.text.split_once(",[\"a\",").expect("a packet");
        let binary = read.attachments.iter().map(|bytes| bytes.to_vec()).collect();
        let packed = read.packed.map(|packed| packed.argument(1).expect("it has one").to_vec());
        (json.strip_suffix(']').expect("an array").to_owned(), binary, packed)
    }

    #[test]
    fn packets_are_the_same_both_ways() {
        for packet in [
            "0/,",
            "0/chat,{\"nick\":\"ada\"}",
            "2/,[\"a\",1,-5,1.5,true,null,\"é\"]",
            "2/game,12[\"move\",{\"x\":[70000,5000000000,-33,-70000,-5000000000,18446744073709551615]}]",
            "2/,[\"z\",{\"z\":1,\"a\":2}]",
            "3/,7[]",
        ] {
            assert_eq!(text(&write(packet, &[])), Ok((packet.to_owned(), Vec::new())));
        }
        let bytes: Vec<Arc<[u8]>> = vec![Arc::from([1, 2, 3].as_slice())];
        let packet = r#"51-/,["file",{"_placeholder":true,"num":0}]"#;
        assert_eq!(text(&write(packet, &bytes)), Ok((packet.to_owned(), bytes)));
    }

    #[test]
    fn extensions_are_kept_and_mean_something_to_everybody() {
        let placeholder = "{\"_placeholder\":true,\"num\":0}";
        let bytes = |bytes: &[u8]| (placeholder.to_owned(), vec![bytes.to_vec()]);
        let date = |text: &str| (format!("\"{text}\""), Vec::new());
        let none = || ("null".to_owned(), Vec::new());
        for (argument, (json, binary)) in [
            // What the official parser makes of a date, an ArrayBuffer and undefined.
            (b"\xd7\x00\x00\x00\x00\x00\x05\x26\x5c\x00".as_slice(), date("1970-01-02T00:00:00.000Z")),
            (b"\xd7\x00\xff\xff\xff\xff\xff\xff\xff\xff", date("1969-12-31T23:59:59.999Z")),
            (b"\xd7\x00\x7f\xff\xff\xff\xff\xff\xff\xff", none()),
            (b"\xc7\x03\x00\x01\x02\x03", bytes(&[1, 2, 3])),
            (b"\xc7\x08\x00\x00\x00\x00\x00\x05\x26\x5c\x00", bytes(&[0, 0, 0, 0, 5, 38, 92, 0])),
            (b"\xc8\x00\x01\x00\x09", bytes(&[9])),
            (b"\xc9\x00\x00\x00\x01\x00\x09", bytes(&[9])),
            (b"\xc7\x00\x00", bytes(&[])),
            (b"\xd4\x00\x00", none()),
            // Dates of the specification.
            (b"\xd6\xff\x00\x01\x51\x80", date("1970-01-02T00:00:00.000Z")),
            (b"\xd7\xff\x1d\xcd\x65\x00\x00\x01\x51\x80", date("1970-01-02T00:00:00.125Z")),
            (b"\xc7\x0c\xff\x1d\xcd\x65\x00\xff\xff\xff\xff\xff\xff\xff\xff", date("1969-12-31T23:59:59.500Z")),
            // Anybody's own.
            (b"\xd4\x05\x07", (format!("[5,{placeholder}]"), vec![vec![7]])),
            (b"\xd5\xfe\x07\x08", (format!("[-2,{placeholder}]"), vec![vec![7, 8]])),
            (b"\xd6\x00\x01\x02\x03\x04", (format!("[0,{placeholder}]"), vec![vec![1, 2, 3, 4]])),
            (b"\xd8\x01ABCDEFGHIJKLMNOP", (format!("[1,{placeholder}]"), vec![b"ABCDEFGHIJKLMNOP".to_vec()])),
            (b"\xc7\x01\x7f\x09", (format!("[127,{placeholder}]"), vec![vec![9]])),
            // Numbers that JSON has not.
            (b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", none()),
            (b"\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00", none()),
            (b"\xca\xff\x80\x00\x00", none()),
        ] {
            assert_eq!(both(argument), (json, binary, Some(argument.to_vec())), "{argument:x?}");
        }
    }

    #[test]
    fn what_json_can_say_is_said_in_it_alone() {
        for (argument, json) in [
            (b"\xc0".as_slice(), "null"),
            (b"\xcf\x00\x20\x00\x00\x00\x00\x00\x01", "9007199254740993"),
            (b"\xd3\x80\x00\x00\x00\x00\x00\x00\x00", "-9223372036854775808"),
            (b"\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00", "1.0"),
            (b"\x81\x07\x01", "{\"7\":1}"),
            (b"\x82\xc0\x01\xc3\x02", "{\"null\":1,\"true\":2}"),
            (b"\x81\xc4\x01k\x01", "{\"k\":1}"),
        ] {
            assert_eq!(both(argument), (json.to_owned(), Vec::new(), None), "{argument:x?}");
        }
    }

    #[test]
    fn an_undefined_member_is_left_out_as_json_does_it() {
        assert_eq!(both(b"\x82\xa1x\xd4\x00\x00\xa1y\x01").0, "{\"y\":1}");
        assert_eq!(both(b"\x82\xa1y\x01\xa1x\xd4\x00\x00").0, "{\"y\":1}");
        assert_eq!(both(b"\x92\xd4\x00\x00\x01").0, "[null,1]");
    }

    #[test]
    fn keys_are_strings_for_everybody() {
        // A parser that takes no other keys must not stumble over somebody else's.
        let (_, _, packed) = both(b"\x82\x07\x01\xa1d\xd4\x00\x00");
        assert_eq!(packed.as_deref(), Some(b"\x82\xa17\x01\xa1d\xd4\x00\x00".as_slice()));
    }

    #[test]
    fn arguments_are_cut_off_and_passed_on() {
        let packed = read(&event(b"\xd7\x00\x00\x00\x00\x00\x00\x00\x00\x00")).unwrap().packed.unwrap();
        assert_eq!(packed.argument(0), Some(b"\xa1a".as_slice()));
        assert_eq!(packed.argument(2), None);
        let args = [b"\xdd\x00\x00\x00\x01".as_slice(), packed.argument(1).unwrap()].concat();
        let made = relayed("/n", "a", Some(b"{\"id\":1}"), &args, Some("x"));
        let again = read(&made).unwrap();
        assert_eq!(again.text, r#"2/n,["a",{"id":1},"1970-01-01T00:00:00.000Z","x"]"#);
        assert_eq!(again.packed.unwrap().argument(2), packed.argument(1));
    }

    #[test]
    fn more_attachments_than_there_may_be_are_said_to_be_too_many() {
        let buffers = |count: u8| [&[0x90 + count], b"\xc4\x01x".repeat(count.into()).as_slice()].concat();
        let at = read(&event(&buffers(10))).unwrap();
        assert_eq!((at.attachments.len(), at.too_many), (10, false));
        let past = read(&event(&buffers(11))).unwrap();
        assert_eq!((past.attachments.len(), past.too_many), (10, true));
        let dates = b"\xd7\x00\x00\x00\x00\x00\x00\x00\x00\x00".repeat(15);
        assert!(!read(&event(&[b"\x9f".as_slice(), &dates].concat())).unwrap().too_many, "a date is no attachment");
    }

    #[test]
    fn broken_dates_and_strings_reach_nobody() {
        for argument in [
            b"\xd4\xff\x00".as_slice(),
            b"\xd5\xff\x00\x00",
            b"\xd7\xff\xff\xff\xff\xff\x00\x00\x00\x00",
            b"\xc7\x0c\xff\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00",
            b"\xa1\xff",
            b"\xc1",
        ] {
            assert_eq!(text(&event(argument)), Err(Malformed), "{argument:x?}");
        }
    }

    #[test]
    fn whatever_json_holds_can_be_packed() {
        let deep = format!("2/,[\"a\",{}{}]", "[".repeat(127), "]".repeat(127));
        for (packet, argument) in [
            (r#"2/,["a",1e999]"#, b"\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00".as_slice()),
            (r#"2/,["a",-1e999]"#, b"\xcb\xff\xf0\x00\x00\x00\x00\x00\x00"),
            (r#"2/,["a",-0]"#, b"\xcb\x80\x00\x00\x00\x00\x00\x00\x00"),
            (r#"2/,["a",99999999999999999999]"#, b"\xcb\x44\x15\xaf\x1d\x78\xb5\x8c\x40"),
            (r#"2/,["a","\ud800"]"#, b"\xa3\xef\xbf\xbd"),
            (r#"2/,["a","\udc00x"]"#, b"\xa4\xef\xbf\xbdx"),
            (r#"2/,["a","\ud83d\ude00\n\/\"\\\u0000"]"#, b"\xa9\xf0\x9f\x98\x80\n/\"\\\0"),
            (r#"2/,["a","\ud800\u0041"]"#, b"\xa4\xef\xbf\xbdA"),
            (&deep, &[]),
        ] {
            let written = write(packet, &[]);
            let expected = [b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\xdd\x00\x00\x00\x02\xa1a".as_slice(), argument];
            assert!(written.starts_with(&expected.concat()), "{packet}: {written:x?}");
        }
    }

    #[test]
    fn lengths_that_are_claimed_cost_nothing() {
        let bomb = [b"\x81\xa4data".as_slice(), &[0xdd, 0xff, 0xff, 0xff, 0xff]].concat();
        assert_eq!(text(&bomb), Err(Malformed));
        let deep = [b"\x81\xa4data".as_slice(), &[0x91; 100_000], &[0xc0]].concat();
        assert_eq!(text(&deep), Err(Malformed));
        let extension = [b"\x81\xa4data\x91".as_slice(), &[0xc9, 0xff, 0xff, 0xff, 0xff, 0x00]].concat();
        assert_eq!(text(&extension), Err(Malformed));
    }

    proptest! {
        #[test]
        fn anything_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = read(&bytes);
            let _ = read(&[b"\x82\xa4type\x02\xa4data".as_slice(), &bytes].concat());
        }

        #[test]
        fn an_extension_comes_through_as_it_was_sent(kind in any::<i8>(), data in prop::collection::vec(any::<u8>(), 0..40)) {
            prop_assume!(kind != TIMESTAMP);
            let argument = [&[0xc7, data.len() as u8, kind.cast_unsigned()], data.as_slice()].concat();
            let (json, binary, packed) = both(&argument);
            prop_assert_eq!(packed, Some(argument));
            prop_assert_eq!(binary, vec![data]);
            prop_assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
        }

        #[test]
        fn json_comes_back_as_it_was(text in "\\PC{0,12}", number in any::<i64>(), float in -1e300..1e300_f64) {
            let value = serde_json::json!({ "text": text, "list": [number, float], "t": { "": null } });
            let packet = format!("2/,[\"a\",{value}]");
            let again = read(&write(&packet, &[])).unwrap().text;
            let json: serde_json::Value = serde_json::from_str(again.strip_prefix("2/,").unwrap()).unwrap();
            let sent: serde_json::Value = serde_json::from_str(packet.strip_prefix("2/,").unwrap()).unwrap();
            prop_assert_eq!(json, sent);
        }
    }
}
