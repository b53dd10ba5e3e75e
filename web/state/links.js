// Where a link in a text begins and ends, and which ones are worth following.

/**
 * What no link goes on after: white space, what nobody sees (but for the joiners that some scripts need), quotation marks
 * and the marks of Chinese and Japanese.
 */
const STOPS = '\\s<>"`\\p{Cc}\\u00AD\\u061C\\u200B\\u200E\\u200F\\u2028-\\u202E\\u2060-\\u206F\\uFEFF'
  + '“”„‟«»‹›…、。〃〈-】〔-〟！（），．：；？［］｛｜｝～｟-､';
/** The source of a regular expression that finds what may be a link. A comma between two links is of neither. */
export const LINK = `(?<![a-z0-9])https?:\\/\\/(?:(?![,;]https?:\\/\\/)[^${STOPS}])+`;

const OPENING = '([{';
const CLOSING = ')]}';
/** Ends a sentence, an emphasis or a quotation, not a link. */
const TAIL = /[.,;:!?'*_~|([{\u200C\u200D\uFE0E\uFE0F]|(?![\0-\x7F])\p{P}/u;

/**
 * The part of what was found that is the link: without a sentence's end, up to a closing bracket that was not opened in it.
 * @param {string} found
 */
export function linkIn(found) {
  /** @type {string[]} */
  const open = [];
  let end = found.length;
  for (let at = 0; at < found.length; at += 1) {
    if (OPENING.includes(found[at])) open.push(found[at]);
    else if (CLOSING.includes(found[at]) && open.pop() !== OPENING[CLOSING.indexOf(found[at])]) {
      end = at;
      break;
    }
  }
  while (end > 0 && TAIL.test(found[end - 1])) end -= 1;
  return found.slice(0, end);
}

/**
 * Where a link leads, if it is one that is worth following.
 * @param {string} text
 * @returns {string | null}
 */
export function webAddress(text) {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  // Browsers show what is before an @ as if it were the host.
  if (url.username !== '' || url.password !== '') return null;
  return url.protocol === 'http:' || url.protocol === 'https:' ? url.href : null;
}
