//! The entries of `socketio.namespaces`: `"/PATH"`, and words that say what is special about it.

use super::choices::{Parser, Whom};

/// Bytes of a namespace's path. `/` alone is the server's main one.
const PATH_BYTES: std::ops::RangeInclusive<usize> = 1..=100;

/// A namespace that passes events on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamespaceEntry<'a> {
    /// Its path, with the slash.
    pub path: &'a str,
    /// Whom events go to.
    pub whom: Whom,
    /// Whose clients it takes; none for those that `socketio.parser` says.
    pub parser: Option<Parser>,
    /// Who comes and goes is told, and who is there.
    pub presence: bool,
    /// Each event says who emitted it.
    pub from: bool,
    /// Who does not keep up is not given its events, rather than closed.
    pub volatile: bool,
}

impl<'a> NamespaceEntry<'a> {
    /// Reads an entry: the path, then in any order at most one word of each kind.
    #[must_use]
    pub fn read(entry: &'a str) -> Option<Self> {
        let mut words = entry.split(' ');
        let path = words.next().filter(|path| path.starts_with('/') && PATH_BYTES.contains(&path.len()))?;
        if !is_path_or_pattern(path) {
            return None;
        }
        let (mut whom, mut parser) = (None, None);
        let (mut presence, mut from, mut volatile) = (false, false, false);
        for word in words {
            let extra = match word {
                "presence" => Some(&mut presence),
                "from" => Some(&mut from),
                "volatile" => Some(&mut volatile),
                _ => None,
            };
            if let Some(extra) = extra {
                if std::mem::replace(extra, true) {
                    return None;
                }
                continue;
            }
            match (Whom::of_word(word), Parser::of_word(word)) {
                (Some(word), _) if whom.is_none() => whom = Some(word),
                (None, Some(word)) if parser.is_none() => parser = Some(word),
                _ => return None,
            }
        }
        Some(Self { path, whom: whom.unwrap_or(Whom::Others), parser, presence, from, volatile })
    }
}

/// A path, or one with a `*` in it for a name of any kind.
fn is_path_or_pattern(path: &str) -> bool {
    let plain = |part: &str| part.chars().all(is_path_char);
    path.split_once('*').map_or_else(|| plain(path), |(before, after)| plain(before) && plain(after))
}

/// Whether a character needs no escape in a path.
pub(super) const fn is_path_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_a_path_and_at_most_a_word_of_each_kind() {
        let entry =
            |path, whom, parser| NamespaceEntry { path, whom, parser, presence: false, from: false, volatile: false };
        let read = |path, whom, parser| Some(entry(path, whom, parser));
        let plain = |path| entry(path, Whom::Others, None);
        for (entry, expected) in [
            ("/game", read("/game", Whom::Others, None)),
            ("/game all", read("/game", Whom::All, None)),
            ("/game none msgpack", read("/game", Whom::None, Some(Parser::Msgpack))),
            ("/game json", read("/game", Whom::Others, Some(Parser::Json))),
            ("/game msgpack others", read("/game", Whom::Others, Some(Parser::Msgpack))),
            ("/a/b any", read("/a/b", Whom::Others, Some(Parser::Any))),
            ("/", read("/", Whom::Others, None)),
            ("/game presence", Some(NamespaceEntry { presence: true, ..plain("/game") })),
            ("/game from", Some(NamespaceEntry { from: true, ..plain("/game") })),
            ("/ from all presence", Some(NamespaceEntry { presence: true, from: true, ..entry("/", Whom::All, None) })),
            ("/game volatile", Some(NamespaceEntry { volatile: true, ..plain("/game") })),
            ("/game volatile volatile", None),
            ("/game-*", read("/game-*", Whom::Others, None)),
            ("/*/room none", read("/*/room", Whom::None, None)),
            ("/game-**", None),
            ("/*/*", None),
            ("/game from from", None),
            ("/game presence presence", None),
            ("game", None),
            ("/ga me", None),
            ("/game,", None),
            ("/game ", None),
            ("/game everybody", None),
            ("/game all others", None),
            ("/game json msgpack", None),
            ("", None),
        ] {
            assert_eq!(NamespaceEntry::read(entry), expected, "{entry:?}");
        }
        let long = format!("/{}", "x".repeat(100));
        assert_eq!(NamespaceEntry::read(&long), None);
        assert!(NamespaceEntry::read(&long[..100]).is_some());
    }
}
