//! The names of rooms and of people: what they may look like, and when two are the same.
//!
//! Both are checked and folded by PRECIS (RFC 8264) with the profile `UsernameCaseMapped` (RFC 8265 section 3.3).
//! Names are told apart by what they look like too, so that nobody can look like somebody else: by their UTS 39 skeletons
//! without marks. Names that people obey are kept from further likenesses (`names/likeness.rs`), which would hurt others: `ana` and
//! `anna` are two people.

mod likeness;

use precis_profiles::precis_core::profile::PrecisFastInvocation;
use precis_profiles::{UsernameCaseMapped, UsernameCasePreserved};
use std::borrow::Cow;
use std::sync::Arc;
use unicode_normalization::char::is_combining_mark;
use unicode_security::confusable_detection::skeleton;

pub use likeness::{is_reserved, is_stretched};

/// Bytes of input looked at for each character that a name may have. Four are the most of one character in UTF-8, and
/// four times that leaves room for letters that come with their marks apart; longer input is refused unread.
const INPUT_BYTES_PER_CHAR: usize = 16;

/// What a nick cannot hold, because a protocol gives it a meaning or because it would look like one.
const FORBIDDEN_IN_NICK: &[char] = &['<', '>', '@', ':', ',', '/', '*', '"', '\'', '`', '&', '#', '\\'];

/// The canonical form of rooms' names.
#[derive(Clone, Copy, Debug)]
pub struct RoomName;

impl RoomName {
    /// The canonical name that `text` means, after one leading `#`: folded by case and width, of letters, digits and
    /// `-`, `_`, `.` only, at most `chars_max` characters. None if it is no room's name.
    #[must_use]
    pub fn parse(text: &str, chars_max: usize) -> Option<Arc<str>> {
        let text = text.strip_prefix('#').unwrap_or(text);
        let folded = fold(text, chars_max)?;
        // Beyond ASCII, the profile's class lets only letters, digits and their marks pass.
        let plain = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        folded.chars().all(plain).then(|| Arc::from(folded))
    }
}

/// A person's name in its forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nick {
    shown: Arc<str>,
    folded: Arc<str>,
    looks: [Arc<str>; 2],
}

impl Nick {
    /// The nick that `text` means: 1 to `chars_max` characters without space, control or invisible characters, without
    /// those that protocols use as marks, and not beginning with `-`. None if it is no nick.
    #[must_use]
    pub fn parse(text: &str, chars_max: usize) -> Option<Self> {
        let folded = fold(text, chars_max)?;
        if folded.starts_with('-') || folded.contains(FORBIDDEN_IN_NICK) {
            return None;
        }
        let shown = if text.is_ascii() { Cow::Borrowed(text) } else { UsernameCasePreserved::enforce(text).ok()? };
        if shown.chars().count() > chars_max {
            return None;
        }
        Some(Self::of(&shown, &folded))
    }

    /// The nick as its owner wrote it.
    #[must_use]
    pub const fn shown(&self) -> &Arc<str> {
        &self.shown
    }

    /// The nick without its case: under this form it is looked up and sorted.
    #[must_use]
    pub const fn folded(&self) -> &Arc<str> {
        &self.folded
    }

    /// What the nick looks like, without its case: two nicks that share a look cannot be here at once. The first look is
    /// of the folded form, the second of the shown one: `Bill` and `BiIl` fold apart and look alike. One that passes for a
    /// name of trust, such as `adm1n`, has that name's look.
    #[must_use]
    pub const fn looks(&self) -> &[Arc<str>; 2] {
        &self.looks
    }

    /// Whether the two cannot be here at once. Nicks that fold alike look alike.
    #[must_use]
    pub fn collides(&self, other: &Self) -> bool {
        self.looks.iter().any(|look| other.looks.contains(look))
    }

    fn of(shown: &str, folded: &str) -> Self {
        let shown: Arc<str> = Arc::from(shown);
        // Forms that are equal share their memory, as most do: nicks are in lower-case ASCII mostly.
        let folded = share(folded, &shown);
        if let Some(trusted) = likeness::trusted(&folded).or_else(|| likeness::trusted(&shown)) {
            let look: Arc<str> = Arc::from(lookalike(trusted));
            return Self { shown, folded, looks: [Arc::clone(&look), look] };
        }
        let look = share(&lookalike(&folded), &folded);
        let looks = [Arc::clone(&look), if shown == folded { look } else { share(&lookalike(&shown), &look) }];
        Self { shown, folded, looks }
    }
}

/// What a name looks like: the UTS 39 skeleton without its case (a zero looks like a capital O, and is the same as a small
/// one then) and without the marks on Latin, Greek and Cyrillic letters, digits and signs, which are easily overlooked. In
/// other scripts marks are vowels or make another letter of one: those are left.
#[must_use]
pub fn lookalike(text: &str) -> String {
    /// The scripts whose letters take marks as accents end before this character.
    const ARMENIAN: char = '\u{530}';
    let mut takes_accents = true;
    let plain = |c: &char| {
        if is_combining_mark(*c) {
            return !takes_accents;
        }
        takes_accents = *c < ARMENIAN;
        true
    };
    // What looks like `rn` does, and not the other way round, so that almost every name is its own look.
    skeleton(text).filter(plain).flat_map(char::to_lowercase).collect::<String>().replace("rn", "m")
}

fn share(text: &str, same: &Arc<str>) -> Arc<str> {
    if *text == **same { Arc::clone(same) } else { Arc::from(text) }
}

/// The folded form of a name of 1 to `chars_max` characters. ASCII, which almost every name is, needs no tables.
fn fold(text: &str, chars_max: usize) -> Option<Cow<'_, str>> {
    if text.is_empty() || text.len() > chars_max.saturating_mul(INPUT_BYTES_PER_CHAR) {
        return None;
    }
    let folded = if text.is_ascii() {
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        }
    } else {
        // The profile lets the joiners stand where a script needs them; in a name they are a way to look alike.
        if text.contains(['\u{200c}', '\u{200d}']) {
            return None;
        }
        let folded = UsernameCaseMapped::enforce(text).ok()?;
        // A name is told to clients and comes back from them: it has to mean itself.
        if UsernameCaseMapped::enforce(folded.as_ref()).ok()? != folded {
            return None;
        }
        folded
    };
    (folded.chars().count() <= chars_max).then_some(folded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn room(text: &str) -> Option<String> {
        RoomName::parse(text, 50).map(|name| name.to_string())
    }

    fn nick(text: &str) -> Nick {
        Nick::parse(text, 32).unwrap_or_else(|| panic!("{text} is a nick"))
    }

    #[test]
    fn rooms_are_named_without_case_width_or_mark() {
        let same = [
            ("lobby", "lobby"),
            ("#lobby", "lobby"),
            ("Lobby", "lobby"),
            ("ＬＯＢＢＹ", "lobby"),
            ("dev-2_b.c", "dev-2_b.c"),
            ("CAFÉ", "café"),
            ("cafe\u{301}", "café"),
            ("БЕСЕДА", "беседа"),
            ("部屋", "部屋"),
            ("हिन्दी", "हिन्दी"),
        ];
        for (text, name) in same {
            assert_eq!(room(text).as_deref(), Some(name), "{text}");
        }
    }

    #[test]
    fn what_is_no_room() {
        for text in
            ["", "#", "##a", "a b", "a/b", "a#", "a@b", "a\n", "\0", "a\u{200b}b", "a\u{202e}b", "☃", "a,b", "a:b"]
        {
            assert_eq!(room(text), None, "{text:?}");
        }
        assert_eq!(RoomName::parse(&"a".repeat(51), 50), None);
        assert_eq!(RoomName::parse(&"é".repeat(50), 50).map(|name| name.chars().count()), Some(50));
        assert_eq!(RoomName::parse(&"é".repeat(1_000_000), 50), None);
    }

    #[test]
    fn a_nick_keeps_its_case_and_is_the_same_without_it() {
        let ada = nick("Ada");
        assert_eq!(&**ada.shown(), "Ada");
        assert_eq!(&**ada.folded(), "ada");
        assert!(ada.collides(&nick("aDA")));
        assert!(!ada.collides(&nick("adam")));
    }

    #[test]
    fn nicks_that_look_alike_collide() {
        let alike = [
            ("paypal", "pаypal"),
            ("ada", "аdа"),
            ("modern", "rnodern"),
            ("bill", "bi11"),
            ("Alice", "AIice"),
            ("root", "R00T"),
            ("o0o", "ooo"),
            ("ada", "ａｄａ"),
            ("rené", "rene\u{301}"),
            ("ada", "àda"),
            ("ada", "a\u{330}d\u{20d2}a"),
            ("ada", "ada\u{93c}"),
            ("sören", "søren"),
        ];
        for (one, other) in alike {
            assert!(nick(one).collides(&nick(other)), "{one} {other}");
        }
        for (one, other) in
            [("анна", "anna"), ("anna", "ana"), ("か", "が"), ("कि", "कु"), ("leet", "1337"), ("al", "all")]
        {
            assert!(!nick(one).collides(&nick(other)), "{one} {other}");
        }
    }

    #[test]
    fn what_is_no_nick() {
        let no = [
            "",
            " ",
            "a b",
            "-a",
            "a\t",
            "a\u{7f}",
            "<a>",
            "@a",
            "a:",
            "a,b",
            "/a",
            "a*",
            "\"a\"",
            "it's",
            "`a",
            "&a",
            "#a",
            "a\u{200b}b",
            "a\u{200d}b",
            "a\u{202e}b",
            "a\u{2028}b",
            "a\u{fe0f}",
            "\u{301}\u{200c}",
            "＠ada",
            "☃",
            "a\u{a0}b",
        ];
        for text in no {
            assert_eq!(Nick::parse(text, 32), None, "{text:?}");
        }
        assert!(Nick::parse(&"a".repeat(32), 32).is_some());
        assert_eq!(Nick::parse(&"a".repeat(33), 32), None);
    }

    #[test]
    fn the_short_way_of_ascii_is_the_profile() {
        for byte in 0..=127_u8 {
            let text = format!("A{}", char::from(byte));
            let profile = UsernameCaseMapped::enforce(text.as_str()).ok();
            assert_eq!(fold(&text, 32), profile, "{text:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn a_name_means_itself(text in "\\PC{0,8}|.{0,8}|[a-zéßİıſΣςא-ת٠-٩0-9ａ-ｚ\u{300}-\u{310}]{1,8}") {
            if let Some(name) = RoomName::parse(&text, 50) {
                prop_assert_eq!(RoomName::parse(&name, 50), Some(name));
            }
            if let Some(nick) = Nick::parse(&text, 32) {
                let again = Nick::parse(nick.shown(), 32);
                prop_assert_eq!(again.as_ref(), Some(&nick));
                let folded = Nick::parse(nick.folded(), 32);
                prop_assert!(folded.is_some_and(|folded| folded.collides(&nick)));
            }
        }
    }
}
