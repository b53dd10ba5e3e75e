//! How letters are folded before they are compared: what two people may write differently becomes the same.
//!
//! Folded are case (in full: `ß` and `ss`, `ı` and `i`, a final sigma), compatibility forms (full-width letters,
//! half-width kana, ligatures, circled letters), diacritics, digits of other scripts, and a few letters that keyboards
//! of other languages do not have. What nobody sees is left out: it is no letter, and nothing between two letters.

use super::classes::{is_diacritic, is_invisible, is_keycap, is_symbol, is_tag};
use unicode_normalization::char::decompose_compatible;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// The text as it is compared. Emoji and other symbols, the tags that follow them, and the enclosure that makes a
/// keycap stay as they are.
pub(super) fn fold(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii() {
            if !is_invisible(character) {
                bare.push(character.to_ascii_lowercase());
            }
        } else if is_symbol(character) || is_tag(character) || is_whole(character) {
            bare.push(character);
        } else {
            // Decomposed, a letter gives up its diacritics.
            decompose_compatible(character, |part| {
                let is_left_out = is_diacritic(part) && !is_keycap(part) || is_invisible(part);
                if !is_left_out {
                    bare.push(part);
                }
            });
        }
    }
    // Composed again, Hangul syllables and voiced kana are whole.
    if is_nfc_quick(bare.chars()) != IsNormalized::Yes {
        bare = bare.nfc().collect();
    }
    let mut folded = String::with_capacity(bare.len());
    for character in bare.chars() {
        if character.is_ascii() {
            folded.push(character.to_ascii_lowercase());
        } else if is_symbol(character) || is_whole(character) {
            folded.push(character);
        } else {
            // By way of its capital, a letter with several small forms becomes the usual one, and `ß` two letters.
            // Decomposition can bring capitals, too (the sign for "telephone").
            for small in character.to_uppercase().flat_map(char::to_lowercase) {
                substitute(small, &mut folded);
            }
        }
    }
    folded
}

/// Whether a character neither decomposes nor has a case: Han, and the syllables of Hangul, which would be composed
/// again at once.
const fn is_whole(character: char) -> bool {
    matches!(character, '\u{3400}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}' | '\u{20000}'..='\u{2A6DF}')
}

/// Appends a small letter, or what stands for it on keyboards without it.
fn substitute(letter: char, folded: &mut String) {
    folded.push(match letter {
        'æ' => return folded.push_str("ae"),
        'œ' => return folded.push_str("oe"),
        'ß' => return folded.push_str("ss"),
        'þ' => return folded.push_str("th"),
        'đ' | 'ð' => 'd',
        'ħ' => 'h',
        'ł' => 'l',
        'ŋ' => 'n',
        'ø' => 'o',
        'ŧ' => 't',
        // Letters that look like apostrophes, and are written as such.
        '\u{2B9}'..='\u{2BF}' => '\'',
        // Arabic: alef wasla; the forms of yeh, kaf and heh that Persian, Urdu and Arabic keyboards have.
        '\u{671}' => '\u{627}',
        '\u{649}' | '\u{6CC}' => '\u{64A}',
        '\u{6A9}' => '\u{643}',
        '\u{629}' | '\u{6C1}' | '\u{6D5}' => '\u{647}',
        other => return folded.push(digit(other).unwrap_or(other)),
    });
}

/// The European digit for a decimal digit of another script.
fn digit(character: char) -> Option<char> {
    /// Each script's zero, which its other digits follow.
    const ZEROS: [u32; 25] = [
        0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6, 0x0E50,
        0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1B50, 0xA620,
    ];
    if !character.is_numeric() {
        return None;
    }
    let at = ZEROS.partition_point(|zero| *zero <= u32::from(character)).checked_sub(1)?;
    char::from_digit(u32::from(character) - ZEROS[at], 10)
}
