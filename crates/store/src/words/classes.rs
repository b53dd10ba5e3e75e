//! The kinds of characters that the cutting of words tells apart.

use switchboard_core::visible::is_hidden;

/// Returns whether nobody sees a character and it parts no words: what is hidden in a terminal but for line ends and other
/// spaces, and variation selectors.
pub(super) const fn is_invisible(c: char) -> bool {
    is_hidden(c) && !c.is_whitespace() || matches!(c, '\u{FE00}'..='\u{FE0F}')
}

/// Marks that people leave out when they search: those of the Latin, Greek and Cyrillic scripts, Hebrew points, Arabic
/// vowel signs and the stroke that lengthens Arabic words. Other marks, such as the vowels of Indic scripts, are part of
/// the spelling.
pub(super) const fn is_diacritic(c: char) -> bool {
    matches!(c,
        '\u{0300}'..='\u{036F}'
        | '\u{0591}'..='\u{05BD}'
        | '\u{05BF}' | '\u{05C1}' | '\u{05C2}' | '\u{05C4}' | '\u{05C5}' | '\u{05C7}'
        | '\u{0640}'
        | '\u{064B}'..='\u{065F}'
        | '\u{0670}'
        | '\u{1AB0}'..='\u{1AFF}'
        | '\u{1DC0}'..='\u{1DFF}'
        | '\u{20D0}'..='\u{20FF}'
        | '\u{FE20}'..='\u{FE2F}')
}

/// Whether a character belongs to a script whose words are not separated, or not only by spaces.
pub(super) const fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{0E00}'..='\u{0EFF}'       // Thai, Lao
        | '\u{1000}'..='\u{109F}'     // Myanmar
        | '\u{1100}'..='\u{11FF}'     // Hangul Jamo
        | '\u{1780}'..='\u{17FF}'     // Khmer
        | '\u{3005}'..='\u{3007}'     // ideographic iteration mark, closing mark and zero
        | '\u{3040}'..='\u{318F}'     // Hiragana, Katakana, Bopomofo, Hangul compatibility Jamo
        | '\u{31A0}'..='\u{31BF}'     // Bopomofo extended
        | '\u{31F0}'..='\u{31FF}'     // Katakana extensions
        | '\u{3400}'..='\u{4DBF}'     // Han extension A
        | '\u{4E00}'..='\u{9FFF}'     // Han
        | '\u{A960}'..='\u{A97F}'     // Hangul Jamo extended A
        | '\u{AC00}'..='\u{D7FF}'     // Hangul syllables, Jamo extended B
        | '\u{F900}'..='\u{FAFF}'     // Han compatibility
        | '\u{20000}'..='\u{3FFFF}') // Han extensions B and later
}

/// Emoji, and the arrows, boxes and dingbats beside them: each is a token, where other signs only separate.
///
/// These are the blocks of pictures and the characters elsewhere that can be shown as emoji, except those that stand
/// for letters and digits (circled, squared), which are folded to them.
pub(super) const fn is_symbol(c: char) -> bool {
    matches!(c,
        '\u{A9}' | '\u{AE}'
        | '\u{203C}' | '\u{2049}'
        | '\u{2120}' | '\u{2122}' | '\u{2139}'
        | '\u{2190}'..='\u{21FF}'
        | '\u{2300}'..='\u{23FF}'
        | '\u{25A0}'..='\u{27BF}'
        | '\u{2900}'..='\u{297F}'
        | '\u{2B00}'..='\u{2BFF}'
        | '\u{3030}' | '\u{303D}'
        | '\u{1F000}'..='\u{1F0FF}'
        | '\u{1F170}'..='\u{1FAFF}')
}

/// Colours of skin: after an emoji they are a part of it that people leave out when they search.
pub(super) const fn is_skin_tone(c: char) -> bool {
    matches!(c, '\u{1F3FB}'..='\u{1F3FF}')
}

/// Letters that are a flag in pairs.
pub(super) const fn is_regional_indicator(c: char) -> bool {
    matches!(c, '\u{1F1E6}'..='\u{1F1FF}')
}

/// After this, tags spell whose flag it is.
pub(super) const FLAG: char = '\u{1F3F4}';

/// Invisible letters and digits that follow [`FLAG`].
pub(super) const fn is_tag(c: char) -> bool {
    matches!(c, '\u{E0030}'..='\u{E0039}' | '\u{E0061}'..='\u{E007A}')
}

/// The letter or digit that a tag stands for.
pub(super) fn tag_letter(tag: char) -> Option<char> {
    char::from_u32(u32::from(tag) - 0xE0000)
}

/// What makes a keycap of the digit or sign before it.
pub(super) const KEYCAP: char = '\u{20E3}';

/// Whether it is [`KEYCAP`].
pub(super) const fn is_keycap(c: char) -> bool {
    c == KEYCAP
}

/// What can be on a keycap.
pub(super) const fn is_key(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '#' | '*')
}
