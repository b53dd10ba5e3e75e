// What people write, taken apart: paragraphs, quotes and code, and in them links, emphasis and names. Never HTML.

/** @import { Block, Flow, Inline } from './types.js' */

/** Parts of one message that are told apart; what follows is plain. A wall of links is not worth a thousand elements. */
const PARTS_MAX = 120;
const FENCE = '```';
const TOKEN = /`([^`\n]+)`|(?<![\p{L}\p{N}*])\*([^\s*](?:[^*\n]*[^\s*])?)\*(?![\p{L}\p{N}*])|(https?:\/\/[^\s<>"`]+)|(?<![\p{L}\p{N}])@([\p{L}\p{N}_.\-[\]{}|^]+)/giu;

/**
 * @param {string} text
 * @param {string} me the nick of whoever reads
 * @returns {(Flow | Block)[]}
 */
export function parse(text, me) {
  /** @type {(Flow | Block)[]} */
  const blocks = [];
  const budget = { left: PARTS_MAX };
  // Whoever writes as many fences has none in mind.
  if (text.split(FENCE, PARTS_MAX).length === PARTS_MAX) {
    flow(text, me, { left: 0 }, blocks);
    return blocks;
  }
  text.split(FENCE).forEach((piece, index, pieces) => {
    const isClosed = index % 2 === 1 && index < pieces.length - 1;
    if (isClosed) {
      budget.left -= 1;
      blocks.push({ type: 'block', text: piece.replace(/^[\w+-]*\n/, '').replace(/\n$/, '') });
    } else {
      flow(index % 2 === 1 ? FENCE + piece : piece, me, budget, blocks);
    }
  });
  return blocks;
}

/**
 * Whether a text names somebody.
 * @param {string} text
 * @param {string} nick
 */
export function mentions(text, nick) {
  if (nick === '') return false;
  const [words, name] = [text.toLowerCase(), nick.toLowerCase()];
  for (let at = words.indexOf(name); at >= 0; at = words.indexOf(name, at + 1)) {
    if (!isLetter(words[at - 1]) && !isLetter(words[at + name.length])) return true;
  }
  return false;
}

/** @param {string | undefined} character */
function isLetter(character) {
  return character !== undefined && /[\p{L}\p{N}_-]/u.test(character);
}

/**
 * @param {string} text
 * @param {string} me
 * @param {{ left: number }} budget
 * @param {(Flow | Block)[]} blocks
 */
function flow(text, me, budget, blocks) {
  /** @type {{ type: 'paragraph' | 'quote', lines: string[] }[]} */
  const groups = [];
  for (const line of text.replace(/^\n|\n$/g, '').split('\n')) {
    const isQuote = groups.length < PARTS_MAX && /^>\s/.test(line);
    const type = isQuote ? 'quote' : 'paragraph';
    const last = groups.at(-1);
    const content = isQuote ? line.replace(/^>\s/, '') : line;
    if (last?.type === type) last.lines.push(content);
    else groups.push({ type, lines: [content] });
  }
  for (const { type, lines } of groups) {
    const content = lines.join('\n');
    if (content.trim() !== '') blocks.push({ type, parts: inline(content, me, budget) });
  }
}

/**
 * @param {string} text
 * @param {string} me
 * @param {{ left: number }} budget
 * @returns {Inline[]}
 */
function inline(text, me, budget) {
  /** @type {Inline[]} */
  const parts = [];
  let at = 0;
  for (const match of text.matchAll(TOKEN)) {
    if (budget.left <= 0) break;
    const part = partOf(match, me);
    if (!part) continue;
    if (match.index > at) parts.push({ type: 'text', text: text.slice(at, match.index) });
    parts.push(part.inline);
    at = match.index + part.length;
    budget.left -= 1;
  }
  if (at < text.length) parts.push({ type: 'text', text: text.slice(at) });
  return parts;
}

/**
 * @param {RegExpExecArray} match
 * @param {string} me
 * @returns {{ inline: Inline, length: number } | null}
 */
function partOf(match, me) {
  const [whole, code, emphasis, link, name] = match;
  if (code !== undefined) return { inline: { type: 'code', text: code }, length: whole.length };
  if (emphasis !== undefined) return { inline: { type: 'emphasis', text: emphasis }, length: whole.length };
  if (link !== undefined) {
    const text = withoutTail(link);
    const url = webAddress(text);
    return url === null ? null : { inline: { type: 'link', text, url }, length: text.length };
  }
  return { inline: { type: 'mention', text: whole, me: name.toLowerCase() === me.toLowerCase() }, length: whole.length };
}

/**
 * A sentence's end is not part of the link before it; a closing bracket is only if it was opened in it.
 * @param {string} link
 */
function withoutTail(link) {
  let end = link.length;
  let open = 0;
  for (const character of link) open += character === '(' ? 1 : character === ')' ? -1 : 0;
  for (; end > 0; end -= 1) {
    const last = link[end - 1];
    if (last === ')' && open < 0) open += 1;
    else if (!'.,;:!?\'*_]}'.includes(last)) break;
  }
  return link.slice(0, end);
}

/**
 * @param {string} text
 * @returns {string | null}
 */
function webAddress(text) {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  // Browsers show what is before an @ as if it were the host.
  if (url.username !== '' || url.password !== '') return null;
  return url.protocol === 'http:' || url.protocol === 'https:' ? url.href : null;
}
