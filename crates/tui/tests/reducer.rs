//! The model's promises, whatever happens in whatever order: each message stands once and in its place, what is unread
//! is counted, the cursor is inside the text, and every screen can be drawn.

mod support;

use proptest::prelude::*;
use std::collections::BTreeSet;
use std::time::Duration;
use support::Desk;
use switchboard_client::event::{Event, Gap};
use switchboard_tui::keys::Action;
use switchboard_tui::model::timeline::Body;
use switchboard_tui::model::{Effect, Input};
use unicode_segmentation::UnicodeSegmentation;

/// One thing that happens.
#[derive(Clone, Debug)]
enum Act {
    Says(u8),
    /// The server says it again.
    Repeats(u8),
    /// These many are said and not told.
    Misses(u8),
    SaysElsewhere(u8),
    Whispers,
    Moves(bool),
    Key(usize),
    Types(String),
    Pastes(String),
    Resizes(u16, u16),
    Focus(bool),
    Wheel(i8),
    Disconnects,
    Connects(bool),
    Serves,
    Stores,
    Refuses,
    Passes(u16),
    StartsOver,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        8 => any::<u8>().prop_map(Act::Says),
        1 => any::<u8>().prop_map(Act::Repeats),
        1 => (1_u8..6).prop_map(Act::Misses),
        3 => any::<u8>().prop_map(Act::SaysElsewhere),
        1 => Just(Act::Whispers),
        1 => any::<bool>().prop_map(Act::Moves),
        12 => (0..Action::ALL.len()).prop_map(Act::Key),
        4 => "(/me |/join d|[a-z ]{0,12}|e\u{301}|:smi|\u{1f468}\u{1f3fd}|你好|\\PC{0,6})".prop_map(Act::Types),
        1 => "[a-z\\n\\x1b]{0,12}".prop_map(Act::Pastes),
        2 => (0_u16..100, 0_u16..30).prop_map(|(width, height)| Act::Resizes(width, height)),
        1 => any::<bool>().prop_map(Act::Focus),
        2 => any::<i8>().prop_map(Act::Wheel),
        1 => Just(Act::Disconnects),
        2 => any::<bool>().prop_map(Act::Connects),
        5 => Just(Act::Serves),
        3 => Just(Act::Stores),
        1 => Just(Act::Refuses),
        2 => any::<u16>().prop_map(Act::Passes),
        1 => Just(Act::StartsOver),
    ];
    prop::collection::vec(act, 0..120)
}

/// The desk, and what must be so.
struct Trial {
    desk: Desk,
    /// Messages that went out and were neither stored nor refused.
    waiting: Vec<switchboard_client::Outgoing>,
    elsewhere: u64,
}

impl Trial {
    fn act(&mut self, act: &Act) {
        let desk = &mut self.desk;
        match act {
            Act::Says(n) => {
                desk.says(["bob", "bert", "eve"][usize::from(*n) % 3], &format!("ada {n}").repeat(usize::from(*n) % 9));
            }
            Act::Repeats(n) if !desk.log.is_empty() => {
                let seq = usize::from(*n) % desk.log.len();
                let (nick, text) = desk.log[seq].clone();
                desk.says_in("lobby", seq as u64 + 1, &nick, &text);
            }
            Act::Repeats(_) => {}
            Act::Misses(n) => {
                let from = desk.log.len() as u64 + 1;
                desk.log.extend((0..*n).map(|n| ("bob".to_owned(), format!("missed {n}"))));
                let to = desk.log.len() as u64;
                desk.event(Event::Gap(Gap { room: "lobby".to_owned(), from, to }));
            }
            Act::SaysElsewhere(n) => {
                self.elsewhere += 1;
                desk.says_in("dev", self.elsewhere, "bob", &format!("elsewhere {n} ada"));
            }
            Act::Whispers => desk.whispers("bob", "psst"),
            Act::Moves(comes) => desk.moves("eve", *comes),
            Act::Key(index) => desk.press(Action::ALL[*index].keys()[0]),
            Act::Types(text) => desk.types(text),
            Act::Pastes(text) => desk.input(Input::Paste(text.clone())),
            Act::Resizes(width, height) => desk.input(Input::Resize(*width, *height)),
            Act::Focus(focused) => desk.input(Input::Focus(*focused)),
            Act::Wheel(lines) => desk.input(Input::Wheel(isize::from(*lines))),
            Act::Disconnects => {
                desk.event(Event::Disconnected { why: "gone".to_owned(), retry_in: Duration::from_secs(1) });
            }
            Act::Connects(again) => desk.connect(*again),
            Act::Serves => desk.serve(),
            Act::Stores if !self.waiting.is_empty() => {
                let message = self.waiting.remove(0);
                match &message.target {
                    switchboard_client::Target::Room(room) if room == "lobby" => desk.stores(&message),
                    _ => desk.event(Event::Delivered {
                        id: message.id,
                        room: None,
                        seq: None,
                        time: None,
                        duplicate: false,
                    }),
                }
            }
            Act::Refuses if !self.waiting.is_empty() => {
                let id = self.waiting.remove(0).id;
                desk.event(Event::NotSent { id, code: "rate_limited".to_owned(), message: String::new() });
            }
            Act::Stores | Act::Refuses => {}
            Act::Passes(millis) => desk.pass(u64::from(*millis)),
            Act::StartsOver => {
                desk.log.clear();
                self.elsewhere = 0;
                desk.effects.retain(|effect| !matches!(effect, Effect::Request(..)));
                desk.event(Event::StartedOver);
                desk.connect(true);
            }
        }
        self.waiting.extend(self.desk.submitted());
        self.desk.effects.retain(|effect| matches!(effect, Effect::Request(..)));
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let model = &self.desk.model;
        prop_assert!(model.find(model.current).is_some(), "the current room is there");
        let mut ids = BTreeSet::new();
        for room in &model.rooms {
            let keys: Vec<_> = room.timeline.iter().map(|entry| entry.key).collect();
            prop_assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "in order, each once: {keys:?}");
            let others = |entry: &&switchboard_tui::model::timeline::Entry| {
                matches!(&entry.body, Body::Message(said) if !said.own) && entry.key > room.read
            };
            prop_assert_eq!(room.unread, room.timeline.iter().filter(others).count(), "unread in {}", room.name);
            let named = |entry: &&switchboard_tui::model::timeline::Entry| matches!(&entry.body, Body::Message(said) if said.mention);
            prop_assert_eq!(room.mentions, room.timeline.iter().filter(others).filter(named).count());
            prop_assert!(room.pending.iter().all(|pending| ids.insert(pending.id.clone())), "each waits once");
            for entry in room.timeline.iter().filter(|entry| room.name == "lobby" && entry.key.sub == 0) {
                let Body::Message(said) = &entry.body else { continue };
                let (nick, text) = &self.desk.log[entry.key.seq as usize - 1];
                prop_assert_eq!((&*said.nick, &*said.text), (nick.as_str(), text.trim_end_matches('\n')));
            }
        }
        let sent: BTreeSet<_> = self.waiting.iter().map(|message| &message.id).collect();
        prop_assert!(sent.iter().all(|id| ids.contains(*id)), "what goes out is seen waiting");
        let editor = model.editor();
        let mut edges = editor.text().grapheme_indices(true).map(|(at, _)| at).chain([editor.text().len()]);
        prop_assert!(edges.any(|edge| edge == editor.cursor()), "the cursor is between characters");
        let (buffer, drawn) = self.desk.draw();
        prop_assert!(drawn.cursor.is_none_or(|cursor| buffer.area.contains(cursor)));
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_model_keeps_its_promises(acts in acts()) {
        let mut trial = Trial { desk: Desk::in_lobby(80, 24, &[("bob", "hello")]), waiting: Vec::new(), elsewhere: 0 };
        for act in &acts {
            trial.act(act);
            trial.check()?;
        }
        // In the end, with a connection and at the latest line, everything that the server has is there.
        trial.act(&Act::Connects(false));
        trial.desk.press("esc esc esc");
        let lobby = trial.desk.model.rooms.iter().position(|room| room.name == "lobby").unwrap();
        trial.desk.press(&format!("alt+{}", lobby + 1));
        trial.desk.press("esc esc esc");
        trial.desk.input(Input::Resize(60, 12));
        trial.desk.pass(10_000);
        trial.desk.serve();
        let told = |desk: &Desk| desk.model.rooms[lobby].timeline.iter().filter(|entry| entry.key.sub == 0).count();
        for _ in 0..200 {
            if told(&trial.desk) == trial.desk.log.len() {
                break;
            }
            trial.desk.press("pageup");
            trial.desk.serve();
        }
        trial.check()?;
        prop_assert_eq!(told(&trial.desk), trial.desk.log.len(), "no hole is left");
    }
}
