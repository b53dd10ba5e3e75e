//! Names that people obey or take for the server's own: what passes for one of them at a glance.
//!
//! Against these, digits and signs for letters, doubled letters and separators count as likeness too. Between two people's
//! names they do not: `anna` and `ana` are both real, and so are `max1` and `max2`.

use super::lookalike;
use std::sync::LazyLock;

/// What nobody can be called: the server itself, everybody, and words that clients use for either.
const RESERVED: [&str; 11] =
    ["server", "system", "switchboard", "root", "everyone", "everybody", "here", "room", "all", "channel", "nobody"];

/// Whom people do what they are told by: one at a time can be called so, or anything like it.
const TRUSTED: [&str; 9] =
    ["admin", "administrator", "moderator", "mod", "operator", "owner", "staff", "support", "sysadmin"];

static RESERVED_STRICT: LazyLock<Vec<String>> = LazyLock::new(|| RESERVED.iter().map(|name| strict(name)).collect());
static TRUSTED_STRICT: LazyLock<Vec<String>> = LazyLock::new(|| TRUSTED.iter().map(|name| strict(name)).collect());

/// Whether a name is a reserved one, or passes for it.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    let name = strict(name);
    RESERVED_STRICT.iter().any(|reserved| stretches(&name, reserved))
}

/// Whether a name passes for another: it is the same with digits for letters, letters doubled, or separators put in.
#[must_use]
pub fn is_stretched(name: &str, of: &str) -> bool {
    stretches(&strict(name), &strict(of))
}

/// The name of trust that a name is, or passes for.
pub(super) fn trusted(name: &str) -> Option<&'static str> {
    let name = strict(name);
    TRUSTED_STRICT.iter().position(|trusted| stretches(&name, trusted)).map(|place| TRUSTED[place])
}

/// The letters that a name seems to have: digits and signs that stand for letters are those, and separators are nothing.
fn strict(name: &str) -> String {
    let letter = |c: char| match c {
        '0' => Some('o'),
        '1' | 'i' | '!' | '|' => Some('l'),
        '2' => Some('z'),
        '3' => Some('e'),
        '4' => Some('a'),
        '5' | '$' => Some('s'),
        '6' | '9' => Some('g'),
        '7' | '+' => Some('t'),
        '8' => Some('b'),
        c => c.is_alphanumeric().then_some(c),
    };
    // Again at the end: letters that a separator kept apart.
    lookalike(name).chars().filter_map(letter).collect::<String>().replace("rn", "m")
}

/// Whether `name` has the letters of `of`, each as often in a row or more often.
fn stretches(name: &str, of: &str) -> bool {
    let (mut name, mut of) = (runs(name), runs(of));
    loop {
        match (name.next(), of.next()) {
            (None, None) => return true,
            (Some((one, count)), Some((other, least))) if one == other && count >= least => {}
            _ => return false,
        }
    }
}

/// Each letter with how often it stands in a row.
fn runs(text: &str) -> impl Iterator<Item = (char, usize)> {
    let mut rest = text.chars().peekable();
    std::iter::from_fn(move || {
        let letter = rest.next()?;
        let mut count = 1;
        while rest.next_if_eq(&letter).is_some() {
            count += 1;
        }
        Some((letter, count))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Nick;

    #[test]
    fn one_at_a_time_passes_for_a_name_of_trust() {
        let nick = |text: &str| Nick::parse(text, 32).unwrap_or_else(|| panic!("{text}"));
        let like = [
            "admin",
            "Admin",
            "ADMIN",
            "adm1n",
            "admln",
            "4dmin",
            "4dm1n",
            "admiin",
            "addmin",
            "admiiiin",
            "aadmin",
            "\u{e0}dmin",
            "admi\u{307}n",
            "ad\u{331}min",
            "ad-min",
            "_admin_",
            "admin.",
            "a.d.m.i.n",
            "adm!n",
            "adrnin",
            "\u{430}dmin",
            "admın",
            "ａｄｍｉｎ",
            "Ádmín",
            "a\u{335}dmin",
        ];
        for one in like {
            assert!(nick(one).collides(&nick("admin")) && nick("admin").collides(&nick(one)), "{one}");
            assert!(!is_reserved(one), "{one}");
        }
        for other in ["adam", "damin", "admi", "dmin", "admins", "admin2", "amin", "yasmin", "админ"] {
            assert!(!nick(other).collides(&nick("admin")), "{other}");
        }
        for hidden in ["a\u{34f}dmin", "ad\u{200b}min", "adm\u{2060}in"] {
            assert_eq!(Nick::parse(hidden, 32), None, "{hidden:?}");
        }
    }

    #[test]
    fn what_is_the_servers_is_nobodys() {
        for name in RESERVED {
            assert!(is_reserved(name) && is_reserved(&name.to_uppercase()), "{name}");
        }
        for name in [
            "s3rver",
            "SERVER",
            "serv-er",
            "sy5tem",
            "systemm",
            "r00t",
            "Rооt",
            "rooot",
            "h\u{e9}re",
            "ro0m",
            "@ll",
            "4ll",
        ] {
            assert_eq!(is_reserved(name), name != "@ll", "{name}");
        }
        // People are called so.
        for name in
            ["al", "rot", "rom", "sever", "herr", "hero", "roommate", "romy", "chanel", "allen", "systemd", "ada"]
        {
            assert!(!is_reserved(name), "{name}");
        }
    }

    #[test]
    fn a_name_is_stretched_and_not_shrunk() {
        assert!(is_stretched("lobbby", "lobby") && is_stretched("l0bby", "lobby") && is_stretched("lobby", "lobby"));
        assert!(!is_stretched("loby", "lobby") && !is_stretched("lobby2", "lobby") && !is_stretched("", "lobby"));
        assert!(is_stretched("", "") && is_stretched("--", ""));
    }
}
