//! Something else than Socket.IO on an Engine.IO session.

use std::sync::Arc;
use switchboard_core::CloseReason;
use switchboard_protocols::conversation::{Carrier, Down, Upper};
use switchboard_protocols::engineio::Settings;
use switchboard_protocols::{Act, Conversation, Framing, Tick};

/// A server that sends `hi` to each client that connects.
struct Greeter;

impl Upper for Greeter {
    fn opened(&mut self, down: &mut Down<'_>) {
        down.send(&[], |out| out.extend_from_slice(b"4hi"));
    }

    fn text(&mut self, _now: Tick, _text: &str, _down: &mut Down<'_>) -> Result<(), CloseReason> {
        Ok(())
    }

    fn binary(&mut self, _now: Tick, _bytes: &[u8], _down: &mut Down<'_>) -> Result<(), CloseReason> {
        Ok(())
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }

    fn tick(&mut self, _now: Tick) -> Result<(), CloseReason> {
        Ok(())
    }

    fn branch(&mut self, _branch: u32, _framing: Framing) -> Option<Box<dyn Conversation>> {
        None
    }
}

#[test]
fn what_stands_on_a_session_may_speak_first_and_its_words_come_behind_the_handshake() {
    for (framing, greeting) in [(Framing::Polling, &b"4hi"[..]), (Framing::WebSocket, b"\x81\x034hi")] {
        let upper = Box::new(Greeter);
        let mut carrier = Carrier::new(&Arc::new(Settings::default()), "SID".to_owned(), framing, false, upper, 0);
        let mut acts = Vec::new();
        carrier.receive(0, &mut [], &mut acts).expect("nothing came that could be wrong");
        let [Act::Send(handshake), Act::Send(hi)] = &acts[..] else { panic!("{acts:?}") };
        assert!(handshake.bytes().windows(13).any(|part| part == br#"0{"sid":"SID""#), "{handshake:?}");
        assert_eq!(hi.bytes(), greeting);
        // Once.
        acts.clear();
        carrier.receive(0, &mut [], &mut acts).ok();
        assert!(!acts.iter().any(|act| matches!(act, Act::Send(frame) if frame.bytes() == greeting)), "{acts:?}");
    }
}
