//! Messages that were emitted as objects: what they looked like, for those who take messages as they were emitted.
//!
//! The chat knows a message's text. What else a front-end put beside it is kept here for the latest messages, under
//! their ids; of an older one there is the text.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of an object's JSON. More: refused with `bad_request`.
pub(super) const OBJECT_BYTES_MAX: usize = 16 * 1024;
/// Bytes of all objects with their ids and texts. More: the oldest are forgotten.
const ALL_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The members of an object of which the first that is there is its text.
const TEXTS: [&str; 5] = ["text", "message", "msg", "content", "body"];

/// The latest messages that were emitted as objects.
#[derive(Debug, Default)]
pub struct Objects(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    by_id: HashMap<Arc<str>, Object>,
    order: VecDeque<Arc<str>>,
    bytes: usize,
}

#[derive(Debug)]
struct Object {
    text: String,
    json: Arc<str>,
}

impl Object {
    fn weight(&self, id: &str) -> usize {
        self.text.len() + self.json.len() + 2 * id.len()
    }
}

impl Objects {
    /// Keeps what a message looked like. Of several under one id the first counts, as for the message itself.
    pub(super) fn keep(&self, id: &str, text: &str, json: &str) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.by_id.contains_key(id) {
            return;
        }
        let id: Arc<str> = id.into();
        let object = Object { text: text.to_owned(), json: json.into() };
        kept.bytes += object.weight(&id);
        kept.order.push_back(Arc::clone(&id));
        kept.by_id.insert(id, object);
        while kept.bytes > ALL_BYTES_MAX {
            let Some(oldest) = kept.order.pop_front() else { return };
            if let Some(object) = kept.by_id.remove(&oldest) {
                kept.bytes -= object.weight(&oldest);
            }
        }
    }

    /// What a message of this id and text looked like, as JSON.
    pub(super) fn find(&self, id: &str, text: &str) -> Option<Arc<str>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.by_id.get(id).filter(|object| object.text == text).map(|object| Arc::clone(&object.json))
    }
}

/// The text of an object that is a message.
pub(super) fn text_of(json: &str) -> Option<String> {
    let members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).ok()?;
    TEXTS.iter().find_map(|name| members.get(*name)?.as_str()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_found_by_its_id_and_its_text() {
        let objects = Objects::default();
        objects.keep("a", "hi", r#"{"text":"hi"}"#);
        objects.keep("a", "other", "{}");
        assert_eq!(objects.find("a", "hi").as_deref(), Some(r#"{"text":"hi"}"#));
        assert_eq!(objects.find("a", "other"), None, "somebody else's text under this id");
        assert_eq!(objects.find("b", "hi"), None);
    }

    #[test]
    fn the_oldest_are_forgotten_beyond_the_bound() {
        let objects = Objects::default();
        let json = "x".repeat(OBJECT_BYTES_MAX);
        let most = ALL_BYTES_MAX / (json.len() + 2 + 2 * 4);
        for number in 0..=most {
            objects.keep(&format!("{number:04}"), "hi", &json);
        }
        assert_eq!(objects.find("0000", "hi"), None);
        assert!(objects.find("0001", "hi").is_some() && objects.find(&format!("{most:04}"), "hi").is_some());
        let kept = objects.0.lock().expect("nobody panicked");
        assert!(kept.bytes <= ALL_BYTES_MAX && kept.by_id.len() == kept.order.len());
    }

    #[test]
    fn the_text_is_the_first_member_of_such_a_name() {
        for (json, text) in [
            (r#"{"user":"ada","text":"hi"}"#, Some("hi")),
            (r#"{"username":"ada","message":"hi","body":"no"}"#, Some("hi")),
            (r#"{"text":1,"msg":"hi"}"#, Some("hi")),
            (r#"{"user":"ada"}"#, None),
            ("[]", None),
        ] {
            assert_eq!(text_of(json).as_deref(), text, "{json}");
        }
    }
}
