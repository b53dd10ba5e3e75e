// Whether a text names somebody. The terminal client has the same rule (crates/tui/src/mentions.rs), and both are held to
// tests/mentions.json; docs/protocol.md says it in words.

/** Scripts without spaces between words, or with particles joined to them: any of their letters may follow a name. */
const UNSPACED = /[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Hang}\p{scx=Bopo}\p{scx=Thai}\p{scx=Laoo}\p{scx=Khmr}\p{scx=Mymr}]/u;
const WORD = /[\p{L}\p{N}\p{M}_-]/u;
/** What joins a name to the word after it: `ada-b`, `ada_b`, `ada.example`, `ada@example`. */
const JOINED_AFTER = /^(?:[-_]+|[.@])([\p{L}\p{N}])/u;
const JOINED_BEFORE = /([\p{L}\p{N}\p{M}])(?:[-_]+|[.@])$/u;

/**
 * A text as it is compared: without regard to case, width, the form of accents, and what nobody sees.
 * @param {string} text
 */
export function folded(text) {
  return text.normalize('NFKC').toLowerCase().replace(/\p{DI}/gu, '')
    .replace(/ς|ß|ı|i\u0307/g, (letter) => ({ ς: 'σ', ß: 'ss' }[letter] ?? 'i'));
}

/**
 * Whether a text without addresses and code names somebody; both are folded.
 * @param {string} text
 * @param {string} name
 */
export function names(text, name) {
  if (name === '') return false;
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
    if (begins(text, at, name) && ends(text, at + name.length, name)) return true;
  }
  return false;
}

/**
 * How much of a text's beginning is the name, 0 if it begins with another.
 * @param {string} text
 * @param {string} name folded
 */
export function prefixOf(text, name) {
  let prefix = '';
  // Whatever folding does to letters, it does not make one of many.
  for (const character of text.slice(0, name.length * 4)) {
    prefix += character;
    if (folded(prefix) !== name) continue;
    const rest = folded(text.slice(prefix.length, prefix.length + 16));
    if (ends(name + rest, name.length, name)) return prefix.length;
  }
  return 0;
}

/** @param {string} text @param {number} at @param {string} name */
function begins(text, at, name) {
  const before = text.slice(Math.max(0, at - 16), at);
  const last = lastOf(before);
  // A room of the same name.
  if (last === '#') return false;
  const joined = JOINED_BEFORE.exec(before)?.[1];
  return !isOneWord(joined ?? last, firstOf(name));
}

/** @param {string} text @param {number} end @param {string} name */
function ends(text, end, name) {
  const after = text.slice(end, end + 16);
  const next = firstOf(after);
  // A mark belongs to the letter before it, and makes it another.
  if (/^\p{M}/u.test(next)) return false;
  const joined = JOINED_AFTER.exec(after)?.[1];
  if (joined === undefined && /^[-_]/.test(next)) return true;
  return !isOneWord(lastOf(name), joined ?? next);
}

/** Whether two characters side by side are of one word. @param {string} one @param {string} other */
function isOneWord(one, other) {
  return [one, other].every((character) => WORD.test(character) && !UNSPACED.test(character));
}

/** @param {string} text */
function firstOf(text) {
  return text === '' ? '' : String.fromCodePoint(text.codePointAt(0) ?? 0);
}

/** @param {string} text */
function lastOf(text) {
  return /[\uDC00-\uDFFF]$/.test(text) ? text.slice(-2) : text.slice(-1);
}
