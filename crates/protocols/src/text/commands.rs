//! What a line that a person typed asks for.

use switchboard_core::{Command, Target, visible};

/// What became of a line.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// Something for the core.
    Command(Command),
    /// Something that needs no core.
    Answer(Answer),
}

/// An answer that is the same for everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The commands, and what they do.
    Help,
    /// There is no command of this name.
    NoSuchCommand(String),
    /// How the command is used.
    Usage(&'static str),
    /// A first word was not said, as other protocols' clients begin with it.
    SayItAgain,
    /// The peer's telnet asks whether anybody is there.
    HereIAm,
}

/// Understands one line, its end already taken off. `None`: there is nothing in it that anybody could see.
///
/// A line is a command if it is `/`, letters, and then a space or nothing, so that paths can be talked about; `//` at
/// its beginning stands for a `/` that is no command. What nobody sees around it or within its word changes nothing:
/// a command is never said because of such characters.
#[must_use]
pub fn parse(line: &str) -> Option<Said> {
    if visible::is_blank(line) {
        return None;
    }
    let seen = visible::trim(line);
    // A message keeps more at its ends than a command does.
    let Some(after_slash) = seen.trim_start_matches(visible::is_invisible).strip_prefix('/') else {
        return Some(message(seen));
    };
    if after_slash.starts_with('/') {
        return Some(message(after_slash));
    }
    let (word, rest) = after_slash.split_once(char::is_whitespace).unwrap_or((after_slash, ""));
    let word: String = word.chars().filter(|character| !visible::is_invisible(*character)).collect();
    if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Some(command(&word.to_ascii_lowercase(), rest));
    }
    Some(message(seen))
}

fn message(text: &str) -> Said {
    say(Target::Current, text, false)
}

fn say(target: Target, text: &str, action: bool) -> Said {
    Said::Command(Command::Message { target, text: text.to_owned(), id: None, action })
}

/// A command and what follows its word, which is one word or a text.
fn command(word: &str, text: &str) -> Said {
    let (rest, text) = (visible::trim_word(text), visible::trim(text).trim());
    let optional = || (!rest.is_empty()).then(|| rest.to_owned());
    let usage = |usage| Said::Answer(Answer::Usage(usage));
    Said::Command(match word {
        "help" => return Said::Answer(Answer::Help),
        "nick" if rest.is_empty() => return usage("/nick NAME"),
        "nick" => Command::Nick { nick: rest.to_owned() },
        "join" if rest.is_empty() => return usage("/join ROOM"),
        "join" => Command::Join { room: rest.to_owned() },
        "leave" => Command::Leave { room: optional() },
        "rooms" => Command::Rooms,
        "who" => Command::Members { room: optional() },
        "me" if rest.is_empty() => return usage("/me ACTION"),
        "me" => return say(Target::Current, text, true),
        "msg" => match text.split_once(char::is_whitespace) {
            Some((nick, text)) => {
                return say(Target::User(visible::trim_word(nick).to_owned()), text.trim_start(), false);
            }
            None => return usage("/msg NICK TEXT"),
        },
        "topic" if rest == "-" => Command::Topic { room: None, text: Some(String::new()) },
        "topic" => Command::Topic { room: None, text: optional().map(|_| text.to_owned()) },
        "history" => match rest {
            "" => Command::History { room: None, before: None, after: None, limit: None },
            count => match count.parse() {
                Ok(limit) => Command::History { room: None, before: None, after: None, limit: Some(limit) },
                Err(_) => return usage("/history [COUNT]"),
            },
        },
        "pass" if rest.is_empty() => return usage("/pass CODE"),
        "pass" => Command::Pass { code: rest.to_owned() },
        "quit" => Command::Quit,
        _ => return Said::Answer(Answer::NoSuchCommand(word.chars().take(20).collect())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(nick: &str, text: &str) -> Option<Said> {
        Some(say(Target::User(nick.to_owned()), text, false))
    }

    fn history(limit: Option<u32>) -> Option<Said> {
        Some(Said::Command(Command::History { room: None, before: None, after: None, limit }))
    }

    fn topic(text: Option<&str>) -> Option<Said> {
        Some(Said::Command(Command::Topic { room: None, text: text.map(str::to_owned) }))
    }

    fn usage(text: &'static str) -> Option<Said> {
        Some(Said::Answer(Answer::Usage(text)))
    }

    #[test]
    fn lines_are_understood() {
        for (line, said) in [
            ("", None),
            ("  \t ", None),
            ("hi there", Some(message("hi there"))),
            (" /nick x", Some(message(" /nick x"))),
            ("/", Some(message("/"))),
            ("/etc/passwd is a file", Some(message("/etc/passwd is a file"))),
            ("/2 is a half", Some(message("/2 is a half"))),
            ("//nick is a command", Some(message("/nick is a command"))),
            ("\u{200b}\u{1b} \u{202e}", None),
            ("///", Some(message("//"))),
            ("/help", Some(Said::Answer(Answer::Help))),
            ("/NICK  ada ", Some(Said::Command(Command::Nick { nick: "ada".into() }))),
            ("/nick", usage("/nick NAME")),
            ("/join #dev", Some(Said::Command(Command::Join { room: "#dev".into() }))),
            ("/join", usage("/join ROOM")),
            ("/leave", Some(Said::Command(Command::Leave { room: None }))),
            ("/leave dev", Some(Said::Command(Command::Leave { room: Some("dev".into()) }))),
            ("/rooms", Some(Said::Command(Command::Rooms))),
            ("/who", Some(Said::Command(Command::Members { room: None }))),
            ("/who dev", Some(Said::Command(Command::Members { room: Some("dev".into()) }))),
            ("/me waves", Some(say(Target::Current, "waves", true))),
            ("/me", usage("/me ACTION")),
            ("/msg bob  hi  there", to("bob", "hi  there")),
            ("/msg bob", usage("/msg NICK TEXT")),
            ("/topic", topic(None)),
            ("/topic tea at five", topic(Some("tea at five"))),
            ("/topic -", topic(Some(""))),
            ("/history", history(None)),
            ("/history 5", history(Some(5))),
            ("/history all", usage("/history [COUNT]")),
            ("/pass open sesame", Some(Said::Command(Command::Pass { code: "open sesame".into() }))),
            ("/pass", usage("/pass CODE")),
            ("/quit now", Some(Said::Command(Command::Quit))),
            ("\u{feff}/nick ada\0", Some(Said::Command(Command::Nick { nick: "ada".into() }))),
            ("\r/pass 1234\u{200b}", Some(Said::Command(Command::Pass { code: "1234".into() }))),
            ("\u{1b}/pa\u{200b}ss\u{a0}1234", Some(Said::Command(Command::Pass { code: "1234".into() }))),
            ("\u{2800}/pass\u{2060} 1234", Some(Said::Command(Command::Pass { code: "1234".into() }))),
            ("\u{200b}//nick\u{200b}", Some(message("/nick"))),
            ("/me ❤\u{fe0f}\0", Some(say(Target::Current, "❤\u{fe0f}", true))),
            ("/msg bob ❤\u{fe0f}\u{feff}", to("bob", "❤\u{fe0f}")),
            ("/topic ❤\u{fe0f}", topic(Some("❤\u{fe0f}"))),
            ("\u{200b}a\u{200b}b\u{200b}", Some(message("a\u{200b}b"))),
            ("/frobnicate x", Some(Said::Answer(Answer::NoSuchCommand("frobnicate".into())))),
        ] {
            assert_eq!(parse(line), said, "{line:?}");
        }
    }
}
