//! Keys: the one table of what each does, from which the bindings, the configuration's names and the help come.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

/// A key with what is held down beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub code: KeyCode,
    pub ctrl: bool,
    pub alt: bool,
    pub shift: bool,
}

impl Key {
    /// A key alone.
    #[must_use]
    pub const fn plain(code: KeyCode) -> Self {
        Self { code, ctrl: false, alt: false, shift: false }
    }
}

impl From<KeyEvent> for Key {
    fn from(event: KeyEvent) -> Self {
        let held = |modifier| event.modifiers.contains(modifier);
        let (ctrl, alt) = (held(KeyModifiers::CONTROL), held(KeyModifiers::ALT));
        match event.code {
            // A letter says by itself whether it is a capital; terminals differ in saying it twice.
            KeyCode::Char(letter) if ctrl => {
                Self { code: KeyCode::Char(letter.to_ascii_lowercase()), ctrl, alt, shift: false }
            }
            KeyCode::Char(_) => Self { code: event.code, ctrl, alt, shift: false },
            KeyCode::BackTab => Self { code: KeyCode::Tab, ctrl, alt, shift: true },
            code => Self { code, ctrl, alt, shift: held(KeyModifiers::SHIFT) },
        }
    }
}

/// The words for keys that are no letters.
const NAMED: [(&str, KeyCode); 16] = [
    ("enter", KeyCode::Enter),
    ("tab", KeyCode::Tab),
    ("esc", KeyCode::Esc),
    ("space", KeyCode::Char(' ')),
    ("plus", KeyCode::Char('+')),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pageup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
];

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (held, word) in [(self.ctrl, "ctrl+"), (self.alt, "alt+"), (self.shift, "shift+")] {
            if held {
                f.write_str(word)?;
            }
        }
        match (NAMED.iter().find(|(_, code)| *code == self.code), self.code) {
            (Some((name, _)), _) => f.write_str(name),
            (None, KeyCode::Char(letter)) => write!(f, "{letter}"),
            (None, KeyCode::F(number)) => write!(f, "f{number}"),
            (None, code) => write!(f, "{code:?}"),
        }
    }
}

/// A text that names no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no key: write it like `f1`, `alt+k` or `ctrl+x ctrl+e`")]
pub struct BadKey(pub String);

impl FromStr for Key {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, BadKey> {
        let mut key = Self::plain(KeyCode::Null);
        let mut rest = text;
        while let Some((word, after)) =
            rest.split_once('+').filter(|(word, after)| !word.is_empty() && !after.is_empty())
        {
            match word.to_ascii_lowercase().as_str() {
                "ctrl" => key.ctrl = true,
                "alt" => key.alt = true,
                "shift" => key.shift = true,
                _ => return Err(BadKey(text.to_owned())),
            }
            rest = after;
        }
        let mut letters = rest.chars();
        let lower = rest.to_ascii_lowercase();
        key.code = match (letters.next(), letters.next()) {
            (Some(letter), None) => KeyCode::Char(letter),
            _ => match NAMED.iter().find(|(name, _)| *name == lower) {
                Some((_, code)) => *code,
                None => lower
                    .strip_prefix('f')
                    .and_then(|number| number.parse().ok())
                    .filter(|number| (1..=24).contains(number))
                    .map(KeyCode::F)
                    .ok_or_else(|| BadKey(text.to_owned()))?,
            },
        };
        Ok(key)
    }
}

/// Where in the help an action stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Rooms,
    Reading,
    Writing,
    Program,
}

impl Group {
    pub const ALL: [Self; 4] = [Self::Rooms, Self::Reading, Self::Writing, Self::Program];

    /// The heading.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Rooms => "Rooms",
            Self::Reading => "Reading",
            Self::Writing => "Writing",
            Self::Program => "Program",
        }
    }
}

macro_rules! actions {
    ($($action:ident $name:literal $group:ident [$($key:literal),*] $help:literal)*) => {
        /// Something that a key does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Action { $(#[doc = $help] $action),* }

        impl Action {
            /// All of them, in the order of the help.
            pub const ALL: &'static [Self] = &[$(Self::$action),*];

            /// Its name in the configuration.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$action => $name),* }
            }

            #[must_use]
            pub const fn group(self) -> Group {
                match self { $(Self::$action => Group::$group),* }
            }

            /// What it does, for people.
            #[must_use]
            pub const fn help(self) -> &'static str {
                match self { $(Self::$action => $help),* }
            }

            /// Its keys where the configuration names no others.
            #[must_use]
            pub const fn keys(self) -> &'static [&'static str] {
                match self { $(Self::$action => &[$($key),*]),* }
            }
        }
    };
}

actions! {
    Switch "switch" Rooms ["alt+k"] "go to a room by a part of its name"
    NextUnread "next-unread" Rooms ["alt+a", "shift+right"] "go to the next unread room, mentions first"
    PreviousUnread "previous-unread" Rooms ["shift+left"] "go to the previous unread room"
    NextRoom "next-room" Rooms ["alt+down"] "go to the room below"
    PreviousRoom "previous-room" Rooms ["alt+up"] "go to the room above"
    LastRoom "last-room" Rooms ["alt+`"] "go back to the room before this one"
    PageUp "page-up" Reading ["pageup"] "scroll up by a page"
    PageDown "page-down" Reading ["pagedown"] "scroll down by a page"
    LineUp "line-up" Reading ["shift+up"] "scroll up by a line"
    LineDown "line-down" Reading ["shift+down"] "scroll down by a line"
    Oldest "oldest" Reading ["alt+home"] "go to the oldest line that is loaded"
    Latest "latest" Reading ["alt+end"] "go to the latest line"
    UnreadLine "unread-line" Reading ["alt+j"] "go to the first unread line"
    NextMention "next-mention" Reading ["alt+n"] "go to the next mention of your name in this room"
    PreviousMention "previous-mention" Reading ["alt+p"] "go to the previous mention"
    Mentions "mentions" Reading ["alt+m"] "list the mentions of all rooms"
    Search "search" Reading ["alt+s"] "search this room on the server"
    Links "links" Reading ["alt+o"] "list the links of this room and open one"
    Bare "bare" Reading ["f5"] "show nothing but the text, for the terminal to select"
    Send "send" Writing ["enter"] "send the message"
    NewLine "new-line" Writing ["alt+enter", "ctrl+j"] "begin another line"
    Complete "complete" Writing ["tab"] "complete a nick, room, command or :emoji:"
    CompleteBack "complete-back" Writing ["shift+tab"] "the completion before"
    Editor "editor" Writing ["alt+e", "ctrl+x ctrl+e"] "write the message in $EDITOR"
    Older "older" Writing ["up", "ctrl+p"] "the line above, or what was sent before"
    Newer "newer" Writing ["down", "ctrl+n"] "the line below, or what was sent after"
    HistorySearch "history-search" Writing ["ctrl+r"] "find what was sent before"
    Left "left" Writing ["left", "ctrl+b"] "one character left"
    Right "right" Writing ["right", "ctrl+f"] "one character right"
    WordLeft "word-left" Writing ["alt+b", "ctrl+left", "alt+left"] "one word left"
    WordRight "word-right" Writing ["alt+f", "ctrl+right", "alt+right"] "one word right"
    LineStart "line-start" Writing ["home", "ctrl+a"] "to the beginning of the line"
    LineEnd "line-end" Writing ["end", "ctrl+e"] "to the end of the line"
    TextStart "text-start" Writing ["alt+<", "ctrl+home"] "to the beginning of the message"
    TextEnd "text-end" Writing ["alt+>", "ctrl+end"] "to the end of the message"
    DeleteLeft "delete-left" Writing ["backspace", "ctrl+h"] "delete the character to the left"
    DeleteRight "delete-right" Writing ["delete", "ctrl+d"] "delete the character to the right"
    KillWordLeft "kill-word-left" Writing ["alt+backspace"] "cut the word to the left"
    KillSpaceLeft "kill-space-left" Writing ["ctrl+w"] "cut back to the space"
    KillWordRight "kill-word-right" Writing ["alt+d", "ctrl+delete"] "cut the word to the right"
    KillEnd "kill-end" Writing ["ctrl+k"] "cut the rest of the line"
    KillStart "kill-start" Writing ["ctrl+u"] "cut the line up to here"
    Squeeze "squeeze" Writing ["alt+\\"] "delete the spaces around"
    Yank "yank" Writing ["ctrl+y"] "put back what was cut"
    YankOlder "yank-older" Writing ["alt+y"] "instead, put back what was cut before that"
    LastWord "last-word" Writing ["alt+."] "the last word of what was sent before"
    SwapLetters "swap-letters" Writing ["ctrl+t"] "swap two characters"
    SwapWords "swap-words" Writing ["alt+t"] "swap two words"
    UpperWord "upper-word" Writing ["alt+u"] "the word in capitals"
    LowerWord "lower-word" Writing ["alt+l"] "the word in small letters"
    CapitalWord "capital-word" Writing ["alt+c"] "the word with a capital"
    Undo "undo" Writing ["ctrl+_", "ctrl+7", "ctrl+x ctrl+u"] "undo"
    Revert "revert" Writing ["alt+r"] "undo everything"
    Help "help" Program ["f1"] "this help; also ? while scrolling"
    RoomsPane "rooms-pane" Program ["f2"] "show or hide the rooms"
    MembersPane "members-pane" Program ["f3"] "show or hide the members"
    TopicBar "topic-bar" Program ["f4"] "show or hide the topic"
    StatusBar "status-bar" Program ["f6"] "show or hide the status line"
    NickColumn "nick-column" Program ["f7"] "show or hide times and the column of nicks"
    Cancel "cancel" Program ["esc", "ctrl+g"] "close what is open; back to the latest line"
    Clear "clear" Program ["ctrl+c"] "clear the message; twice: quit"
    Suspend "suspend" Program ["ctrl+z"] "back to the shell for a while"
    Redraw "redraw" Program ["ctrl+l"] "draw the screen anew; offline: connect now"
    Quit "quit" Program ["ctrl+q"] "quit"
}

impl FromStr for Action {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|action| action.name() == name).ok_or(())
    }
}

/// Which keys do what. A binding is one key or two after each other.
#[derive(Clone, Debug)]
pub struct Bindings {
    by_keys: HashMap<Vec<Key>, Action>,
}

/// What a key means after those pressed before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    Action(Action),
    /// The first key of two.
    Prefix,
    Nothing,
}

impl Default for Bindings {
    fn default() -> Self {
        let mut bindings = Self { by_keys: HashMap::new() };
        for action in Action::ALL {
            for keys in action.keys() {
                if let Ok(keys) = Self::parse(keys) {
                    bindings.by_keys.insert(keys, *action);
                }
            }
        }
        bindings
    }
}

impl Bindings {
    /// One key, or two after each other with a space between.
    ///
    /// # Errors
    /// [`BadKey`]: there is no such key.
    pub fn parse(text: &str) -> Result<Vec<Key>, BadKey> {
        let keys = text.split_whitespace().map(str::parse).collect::<Result<Vec<Key>, _>>()?;
        if (1..=2).contains(&keys.len()) { Ok(keys) } else { Err(BadKey(text.to_owned())) }
    }

    /// Gives an action these keys and no others; another action that had one of them loses it.
    pub fn bind(&mut self, action: Action, keys: impl IntoIterator<Item = Vec<Key>>) {
        self.by_keys.retain(|_, bound| *bound != action);
        self.by_keys.extend(keys.into_iter().map(|keys| (keys, action)));
    }

    /// What `key` means, when `before` was pressed just before it.
    #[must_use]
    pub fn find(&self, before: Option<Key>, key: Key) -> Bound {
        let keys: Vec<Key> = before.into_iter().chain([key]).collect();
        match self.by_keys.get(&keys) {
            Some(action) => Bound::Action(*action),
            None if before.is_none() && self.by_keys.keys().any(|bound| bound.len() == 2 && bound[0] == key) => {
                Bound::Prefix
            }
            None => Bound::Nothing,
        }
    }

    /// The keys of an action, as people read them: the shortest first.
    #[must_use]
    pub fn keys_of(&self, action: Action) -> Vec<String> {
        let bound = self.by_keys.iter().filter(|(_, bound)| **bound == action);
        let mut keys: Vec<String> =
            bound.map(|(keys, _)| keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" ")).collect();
        // The table's first key is the one to teach; what the configuration added follows by length.
        keys.sort();
        keys.sort_by_key(|keys| {
            let taught = action.keys().iter().position(|known| known == keys);
            (taught.unwrap_or(usize::MAX), keys.len())
        });
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_key_is_one_and_does_one_thing() {
        let mut seen = HashMap::new();
        for action in Action::ALL {
            for text in action.keys() {
                let keys = Bindings::parse(text).unwrap();
                assert_eq!(keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" "), *text);
                assert_eq!(seen.insert(keys, action), None, "{text} twice");
            }
            assert_eq!(action.name().parse(), Ok(*action));
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "hyper+k", "f0", "f25", "word", "a b c", "ctrl+"] {
            assert_eq!(
                Bindings::parse(text),
                Err(BadKey(
                    text.split_whitespace().find(|word| word.parse::<Key>().is_err()).unwrap_or(text).to_owned()
                )),
                "{text}"
            );
        }
    }

    #[test]
    fn a_key_that_is_bound_anew_leaves_its_old_action() {
        let mut bindings = Bindings::default();
        let key: Key = "alt+k".parse().unwrap();
        bindings.bind(Action::Help, [vec![key]]);
        assert_eq!(bindings.find(None, key), Bound::Action(Action::Help));
        assert_eq!(bindings.find(None, "f1".parse().unwrap()), Bound::Nothing);
        assert!(bindings.keys_of(Action::Switch).is_empty());
    }

    #[test]
    fn two_keys_after_each_other_are_one_binding() {
        let bindings = Bindings::default();
        let [first, second] = ["ctrl+x", "ctrl+e"].map(|key| key.parse().unwrap());
        assert_eq!(bindings.find(None, first), Bound::Prefix);
        assert_eq!(bindings.find(Some(first), second), Bound::Action(Action::Editor));
        assert_eq!(bindings.find(Some(first), first), Bound::Nothing);
        assert_eq!(bindings.keys_of(Action::Editor), ["alt+e", "ctrl+x ctrl+e"]);
    }
}
