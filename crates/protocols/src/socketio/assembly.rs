//! Packets with attachments, put together from the messages in which they come.

use super::packet::{Malformed, Packet};
use std::sync::Arc;
use switchboard_core::Attachments;

/// A packet whose attachments are still to come, and what there is of them.
#[derive(Debug)]
pub struct Assembly {
    text: Box<str>,
    wanted: usize,
    parts: Vec<Arc<[u8]>>,
    /// Bytes that may still come.
    room: usize,
}

impl Assembly {
    /// Begins with a packet's text, that announces `wanted` attachments. The packet is at most `bytes_max` in all.
    #[must_use]
    pub fn begin(text: &str, wanted: usize, bytes_max: usize) -> Self {
        Self {
            text: text.into(),
            wanted,
            parts: Vec::with_capacity(wanted),
            room: bytes_max.saturating_sub(text.len()),
        }
    }

    /// Takes the next attachment, and says whether it was the last.
    ///
    /// # Errors
    /// The packet is larger than it may be.
    pub fn add(&mut self, bytes: &[u8]) -> Result<bool, TooLarge> {
        self.room = self.room.checked_sub(bytes.len()).ok_or(TooLarge)?;
        self.parts.push(Arc::from(bytes));
        Ok(self.parts.len() == self.wanted)
    }

    /// The packet's text.
    ///
    /// # Errors
    /// None for a text that was read before.
    pub fn packet(&self) -> Result<Packet<'_>, Malformed> {
        Packet::read(&self.text)
    }

    /// Its attachments.
    #[must_use]
    pub fn attachments(&self) -> Attachments {
        Arc::from(&*self.parts)
    }
}

/// A packet with its attachments is larger than it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attachments_come_in_order_and_within_bounds() {
        let text = r#"52-["a",{"_placeholder":true,"num":0}]"#;
        let mut assembly = Assembly::begin(text, 2, text.len() + 5);
        assert_eq!(assembly.add(&[1, 2]), Ok(false));
        assert_eq!(assembly.add(&[3, 4, 5]), Ok(true));
        assert_eq!(
            assembly.attachments().iter().map(|part| part.to_vec()).collect::<Vec<_>>(),
            [vec![1, 2], vec![3, 4, 5]]
        );
        assert!(assembly.packet().is_ok());
        let mut small = Assembly::begin(text, 2, text.len() + 5);
        assert_eq!(small.add(&[0; 6]), Err(TooLarge));
    }
}
