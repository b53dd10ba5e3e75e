//! Both stores find the same in any text, and each of a text's words finds it.

mod common;

use common::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use switchboard_store::{Durability, MemorySettings, MemoryStore, SqliteSettings, SqliteStore};

/// Texts of the characters that are cut, folded or left out in ways of their own, and of any others.
fn text() -> impl Strategy<Value = String> {
    let pieces = select(vec![
        " ",
        "  ",
        "\n",
        "a",
        "B",
        "x-y",
        "#",
        "*",
        "1",
        "２",
        "\"",
        "'",
        "ß",
        "é",
        "e\u{301}",
        "İ",
        "ı",
        "ς",
        "Æ",
        "Đ",
        "京",
        "都",
        "大",
        "。",
        "が",
        "か\u{3099}",
        "ﾊﾟ",
        "ー",
        "한",
        "\u{1112}\u{1161}\u{11AB}",
        "ส",
        "\u{E34}",
        "हि",
        "ک",
        "ـ",
        "٣",
        "🎉",
        "👍",
        "🏽",
        "\u{200D}",
        "\u{FE0F}",
        "\u{20E3}",
        "🇩",
        "🇪",
        "🇸",
        "🏴",
        "\u{E0067}",
        "\u{E007F}",
        "\u{200B}",
        "\u{AD}",
        "\u{202E}",
        "\0",
        "ﬁ",
        "™",
        "→",
        "Ꭰ",
        "ꭰ",
        "ꙋ",
        "ᲀ",
        "\u{F8FE}",
        "\u{E001}",
        "𞤀",
        "𝐱",
    ]);
    let any = vec(any::<char>(), 0..12).prop_map(String::from_iter);
    prop_oneof![3 => vec(pieces, 0..16).prop_map(|pieces| pieces.concat()), 1 => any, 1 => "\\PC{0,16}"]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn both_stores_find_the_same(texts in vec(text(), 1..12), others in vec(text(), 0..6)) {
        let dir = tempfile::tempdir().unwrap();
        let settings = SqliteSettings { durability: Durability::None, pages_max: None };
        let mut disk = SqliteStore::open(dir.path(), settings).unwrap();
        let mut memory = MemoryStore::new(MemorySettings::default()).unwrap();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        store_texts(&mut disk, &texts);
        store_texts(&mut memory, &texts);
        let words = texts.iter().flat_map(|text| text.split_whitespace());
        for query in words.chain(texts.iter().copied()).chain(others.iter().map(String::as_str)) {
            prop_assert_eq!(found(&disk, query), found(&memory, query), "{:?} in {:?}", query, texts);
        }
    }

    #[test]
    fn a_text_is_found_by_all_its_words_in_any_order(text in text(), turn in 0..8_usize) {
        let mut memory = MemoryStore::new(MemorySettings::default()).unwrap();
        store_texts(&mut memory, &[&text]);
        let mut words: Vec<&str> = text.split_whitespace().collect();
        let turn = turn % words.len().max(1);
        words.rotate_left(turn);
        let all = found(&memory, &words.join(" "));
        // Signs alone are no words.
        let single = words.iter().any(|word| found(&memory, word) == [1]);
        prop_assert_eq!(all == [1], single, "{:?}", text);
    }
}

#[test]
fn a_person_finds_what_a_person_sees() {
    let wanted = [
        ("co\u{AD}operate", "cooperate"),
        ("data\u{200B}base", "database"),
        ("database", "data\u{200B}base"),
        ("می\u{200C}خواهم", "میخواهم"),
        ("word\u{2060}joiner", "wordjoiner"),
        ("x\u{FEFF}file", "xfile"),
        ("\u{202E}reversed\u{202C}", "reversed"),
        ("葛\u{E0100}飾区", "葛飾区"),
        ("天\u{200B}气很好", "天气很好"),
        ("party 🎉 now", "🎉"),
        ("party🎉now", "🎉"),
        ("party🎉now", "party now"),
        ("thumbs 👍🏽", "👍"),
        ("thumbs 👍", "👍🏽"),
        ("thumbs 👍🏽", "👍🏿"),
        ("love ❤️", "❤"),
        ("love ❤", "❤️"),
        ("shrug 🤷🏻‍♀️", "🤷"),
        ("family 👨‍👩‍👧 here", "👨‍👩‍👧"),
        ("go 🇩🇪🇫🇷", "🇫🇷"),
        ("step 1️⃣2️⃣", "2️⃣"),
        ("IRMAK", "ırmak"),
        ("ıslak", "ISLAK"),
        ("İZMİR", "izmir"),
        ("Straße", "STRASSE"),
        ("Σίσυφος", "ΣΙΣΥΦΟΣ"),
        ("café", "CAFE"),
        ("cafe", "cafe\u{301}"),
        ("ｆｕｌｌ ｗｉｄｔｈ", "full width"),
        ("ﬁnal oﬀer", "final offer"),
        ("Łódź", "lodz"),
    ];
    let unwanted =
        [("go 🇦🇩🇪🇸", "🇩🇪"), ("party 🎉", "🎊"), ("data base", "database"), ("1 2", "1️⃣"), ("shrug 🤷", "🤷🏻‍♀️")];
    let dir = tempfile::tempdir().unwrap();
    let settings = SqliteSettings { durability: Durability::None, pages_max: None };
    let mut disk = SqliteStore::open(dir.path(), settings).unwrap();
    let mut memory = MemoryStore::new(MemorySettings::default()).unwrap();
    let texts: Vec<&str> = wanted.iter().chain(&unwanted).map(|(text, _)| *text).collect();
    store_texts(&mut disk, &texts);
    store_texts(&mut memory, &texts);
    for (at, (text, query)) in (1..).zip(wanted.iter().chain(&unwanted)) {
        let is_wanted = at <= wanted.len() as u64;
        assert_eq!(found(&disk, query).contains(&at), is_wanted, "{query} in {text}");
        assert_eq!(found(&memory, query), found(&disk, query), "{query}");
    }
}
