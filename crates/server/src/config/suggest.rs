//! "Did you mean ...?": the known name that is closest to a misspelt one.

use super::settings::SECTIONS;

/// The `section.key` that `section.key` was probably meant to be: the same key in another section, else the setting with
/// the fewest letters to change.
pub(super) fn closest_setting(section: &str, key: &str) -> Option<String> {
    let settings = || SECTIONS.iter().flat_map(|section| section.settings);
    if let Some(same) = settings().find(|setting| setting.key == key) {
        return Some(same.path());
    }
    let misspelt = if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") };
    closest(&misspelt, key, settings().map(|setting| setting.path()))
}

/// The section that `name` was probably meant to be.
pub(super) fn closest_section(name: &str) -> Option<String> {
    closest(name, name, SECTIONS.iter().map(|section| section.name.to_owned()))
}

/// One letter in three of `measure` may be wrong, rounded up: two letters that changed places count as two.
fn closest(misspelt: &str, measure: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let distance_max = measure.chars().count().div_ceil(3);
    known
        .map(|name| (distance(misspelt, &name), name))
        .filter(|(distance, _)| *distance <= distance_max)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Letters to insert, delete or replace to make `b` of `a` (Levenshtein's distance).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, expected) in [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("style", "stlye", 2)] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn close_names_are_suggested_and_distant_ones_are_not() {
        for (section, key, expected) in [
            ("limits", "mesage_chars", Some("limits.message_chars")),
            ("limit", "nick_chars", Some("limits.nick_chars")),
            ("server", "retention", Some("store.retention")),
            ("", "listen", Some("server.listen")),
            ("text", "styel", Some("text.style")),
            ("text", "styl", Some("text.style")),
            ("limits", "colour", None),
        ] {
            assert_eq!(closest_setting(section, key).as_deref(), expected, "{section}.{key}");
        }
        assert_eq!(closest_section("serve").as_deref(), Some("server"));
        assert_eq!(closest_section("banana"), None);
    }
}
