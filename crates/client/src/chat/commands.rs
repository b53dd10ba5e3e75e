//! What a typed line means.

use crate::clean;
use crate::request::{Ask, Target};

/// The answer to `/help`.
pub(super) const HELP: &[&str] = &[
    "/nick NAME        be called NAME",
    "/join ROOM        enter ROOM, and speak there",
    "/leave [ROOM]     leave a room",
    "/rooms            which rooms there are",
    "/who [ROOM]       who is here",
    "/me TEXT          * you TEXT",
    "/msg NAME TEXT    say it to NAME alone",
    "/topic [TEXT]     what this room is about",
    "/history [COUNT]  what was said before",
    "/quit             goodbye",
    "//TEXT            say a line that begins with a slash",
];

/// Past events that `/history` asks for.
const HISTORY_EVENTS: u32 = 20;

/// A line's meaning.
#[derive(Debug)]
pub(super) enum Typed {
    Nothing,
    Say {
        target: Target,
        text: String,
        action: bool,
    },
    Ask(Ask),
    Help,
    Quit,
    /// How the command is used, which is not so.
    Usage(&'static str),
    /// There is no such command.
    Unknown(String),
}

/// Reads a line, without its end. What nobody sees around it changes nothing. A slash begins a command if only letters follow up to a space or the end, so that
/// `/etc/hosts` can be talked about.
pub(super) fn parse(line: &str) -> Typed {
    if clean::is_blank(line) {
        return Typed::Nothing;
    }
    let line = clean::trim(line);
    let Some(rest) = line.trim_start_matches(clean::is_unseen).strip_prefix('/') else { return say(line) };
    if rest.starts_with('/') {
        return say(rest);
    }
    let (word, argument) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let word: String = word.chars().filter(|c| !clean::is_unseen(*c)).collect();
    if word.is_empty() || !word.chars().all(char::is_alphabetic) {
        return say(line);
    }
    command(&word, argument.trim())
}

fn say(text: &str) -> Typed {
    Typed::Say { target: Target::Current, text: text.to_owned(), action: false }
}

fn command(word: &str, argument: &str) -> Typed {
    let is_text = matches!(word.to_ascii_lowercase().as_str(), "me" | "msg" | "topic");
    let argument = if is_text { argument } else { clean::trim_word(argument) };
    let some = (!argument.is_empty()).then(|| argument.to_owned());
    match (word.to_ascii_lowercase().as_str(), some) {
        ("help", _) => Typed::Help,
        ("quit", _) => Typed::Quit,
        ("rooms", _) => Typed::Ask(Ask::Rooms),
        ("nick", Some(nick)) => Typed::Ask(Ask::Nick { nick }),
        ("nick", None) => Typed::Usage("/nick NAME"),
        ("join", Some(room)) => Typed::Ask(Ask::Join { room }),
        ("join", None) => Typed::Usage("/join ROOM"),
        ("leave", room) => Typed::Ask(Ask::Leave { room }),
        ("who", room) => Typed::Ask(Ask::Members { room }),
        ("topic", text) => Typed::Ask(Ask::Topic { room: None, text }),
        ("me", Some(text)) => Typed::Say { target: Target::Current, text, action: true },
        ("me", None) => Typed::Usage("/me TEXT"),
        ("msg", _) => match argument.split_once(char::is_whitespace) {
            Some((nick, text)) => {
                Typed::Say { target: Target::User(nick.to_owned()), text: text.trim_start().to_owned(), action: false }
            }
            None => Typed::Usage("/msg NAME TEXT"),
        },
        ("history", None) => history(HISTORY_EVENTS),
        ("history", Some(count)) => count.parse().map_or(Typed::Usage("/history [COUNT]"), history),
        (_, _) => Typed::Unknown(word.to_owned()),
    }
}

const fn history(limit: u32) -> Typed {
    Typed::Ask(Ask::History { room: None, before: None, after: None, limit: Some(limit) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_mean_what_they_say() {
        for (line, meaning) in [
            ("hello", "Say { target: Current, text: \"hello\", action: false }"),
            ("  hello ", "Say { target: Current, text: \"  hello \", action: false }"),
            ("//who", "Say { target: Current, text: \"/who\", action: false }"),
            ("/etc/hosts is a file", "Say { target: Current, text: \"/etc/hosts is a file\", action: false }"),
            ("/", "Say { target: Current, text: \"/\", action: false }"),
            ("", "Nothing"),
            (" \t", "Nothing"),
            ("/me waves", "Say { target: Current, text: \"waves\", action: true }"),
            ("/me", "Usage(\"/me TEXT\")"),
            ("/msg bob  hi there", "Say { target: User(\"bob\"), text: \"hi there\", action: false }"),
            ("/msg bob", "Usage(\"/msg NAME TEXT\")"),
            ("/JOIN dev", "Ask(Join { room: \"dev\" })"),
            ("/leave", "Ask(Leave { room: None })"),
            ("/who", "Ask(Members { room: None })"),
            ("/rooms", "Ask(Rooms)"),
            ("/nick", "Usage(\"/nick NAME\")"),
            ("/topic tea", "Ask(Topic { room: None, text: Some(\"tea\") })"),
            ("/history", "Ask(History { room: None, before: None, after: None, limit: Some(20) })"),
            ("/history 5", "Ask(History { room: None, before: None, after: None, limit: Some(5) })"),
            ("/history x", "Usage(\"/history [COUNT]\")"),
            ("/help", "Help"),
            ("/quit", "Quit"),
            ("\u{feff}/nick ada\0", "Ask(Nick { nick: \"ada\" })"),
            ("\r/qu\u{200b}it", "Quit"),
            ("\u{feff}hello\0\0", "Say { target: Current, text: \"hello\", action: false }"),
            ("\u{200b}", "Nothing"),
            ("/dance now", "Unknown(\"dance\")"),
        ] {
            assert_eq!(format!("{:?}", parse(line)), meaning, "{line:?}");
        }
    }

    #[test]
    fn help_names_every_command() {
        for word in ["nick", "join", "leave", "rooms", "who", "me", "msg", "topic", "history", "quit"] {
            assert!(HELP.iter().any(|line| line.starts_with(&format!("/{word} "))), "{word}");
        }
    }
}
