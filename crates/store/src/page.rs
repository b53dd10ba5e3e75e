//! The filling of a page within its bounds, the same for every store.

use crate::durable::text_of;
use crate::record::Page;
use std::sync::Arc;
use switchboard_core::Event;

/// What an event costs beside its text: its names, numbers and time in the longest of the protocols' forms.
const ENVELOPE_BYTES: usize = 320;

/// A page that is being filled in the direction of reading.
pub(crate) struct PageBuilder {
    page: Page,
    limit: usize,
    bytes_left: usize,
}

impl PageBuilder {
    /// An empty page for at most `limit` events and about `bytes_max` bytes.
    pub(crate) fn new(limit: u32, bytes_max: usize) -> Self {
        Self { page: Page::default(), limit: limit as usize, bytes_left: bytes_max }
    }

    /// Whether the event found room; if not, the page is complete and knows that there are more.
    /// The first one always does, whatever its size, so that reading page by page comes to an end.
    pub(crate) fn push(&mut self, event: Arc<Event>) -> bool {
        let bytes = ENVELOPE_BYTES + written_bytes(text_of(&event));
        let events = &mut self.page.events;
        if events.len() == self.limit || (bytes > self.bytes_left && !events.is_empty()) {
            self.page.more = true;
            return false;
        }
        self.bytes_left = self.bytes_left.saturating_sub(bytes);
        events.push(event);
        true
    }

    /// The page with its events in the order in which they came.
    pub(crate) fn finish(self) -> Page {
        self.page
    }

    /// The page with its events the other way round.
    pub(crate) fn finish_reversed(mut self) -> Page {
        self.page.events.reverse();
        self.page
    }
}

/// How many bytes a text takes at most when it is written as JSON: what has to be escaped becomes six bytes.
fn written_bytes(text: &str) -> usize {
    let cost = |byte: u8| match byte {
        b'"' | b'\\' | 0..=0x1F => 6,
        // Of the characters of two and three bytes, some are escaped.
        0x80.. => 3,
        _ => 1,
    };
    text.bytes().map(cost).sum()
}
