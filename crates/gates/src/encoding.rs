//! Encoding: an event becomes the frame that all receivers of a dialect share.

use std::hint::black_box;
use std::sync::Arc;

use switchboard_protocols::socketio::{Namespace, Namespaces, Tongue};
use switchboard_protocols::{Dialect, Framing, Language, TextStyle, encode};

use crate::samples::event;

pub(crate) fn text() -> Box<dyn FnMut()> {
    repeat(Language::Text(TextStyle::Named), Framing::Lines)
}

pub(crate) fn json() -> Box<dyn FnMut()> {
    repeat(Language::Json, Framing::WebSocket)
}

pub(crate) fn socketio() -> Box<dyn FnMut()> {
    let namespaces = Namespaces::new(vec![Namespace::chat("/")], None, Arc::default());
    let namespace = namespaces.find("/").expect("it was just put there");
    let tongue = Tongue { namespace, offsets: None, numbers: false, packed: false };
    repeat(Language::SocketIo(Some(tongue)), Framing::WebSocket)
}

fn repeat(language: Language, framing: Framing) -> Box<dyn FnMut()> {
    let event = event();
    let dialect = Dialect { language, framing, elsewhere: false };
    Box::new(move || {
        let frame = encode(black_box(&event), dialect, false);
        assert!(black_box(frame).is_some(), "every dialect shows messages");
    })
}
