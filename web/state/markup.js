// What people write, taken apart: paragraphs, quotes and code, and in them links, emphasis and names. Never HTML.

/** @import { Block, Flow, Inline } from './types.js' */
import { LINK, linkIn, webAddress } from './links.js';
import { folded, names, prefixOf } from './mentions.js';

/** Parts of one message that are told apart; what follows is plain. A wall of links is not worth a thousand elements. */
const PARTS_MAX = 120;
const FENCE = '```';
/** A letter of a script with spaces before an @ makes it a mail address. */
const NAME = '(?<!(?![\\p{scx=Han}\\p{scx=Hira}\\p{scx=Kana}\\p{scx=Hang}\\p{scx=Thai}\\p{scx=Laoo}\\p{scx=Khmr}\\p{scx=Mymr}])[\\p{L}\\p{N}_])@'
  + '([\\p{L}\\p{N}\\p{M}_.\\-[\\]{}|^]+)';
const EMPHASIS = '(?<![\\p{L}\\p{N}*])\\*([^\\s*](?:[^*\\n]*[^\\s*])?)\\*(?![\\p{L}\\p{N}*])';
const TOKEN = new RegExp(`\`([^\`\\n]+)\`|${EMPHASIS}|(${LINK})|${NAME}`, 'giu');
/** A word that is an address, whether it is a link or not. */
const ADDRESS = /^[([{'"<]*(?:[a-z][a-z0-9+.-]*:\/\/|[\w-]+(?:\.[\w-]+)+\/)/i;

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
 * Whether a text names somebody, in what is said and not in an address or in code.
 * @param {string} text
 * @param {string} nick
 */
export function mentions(text, nick) {
  const name = folded(nick);
  if (name === '' || !folded(text).includes(name)) return false;
  const spoken = parse(text, '').map((block) => (block.type === 'block' ? '' : words(block.parts))).join('\n');
  return names(folded(spoken), name);
}

/**
 * @param {Inline[]} parts
 * @returns {string}
 */
function words(parts) {
  return parts.map((part) => {
    switch (part.type) {
      case 'text': return part.text.replace(/\S+/g, (word) => (ADDRESS.test(word) ? ' ' : word));
      case 'mention': return part.text;
      case 'emphasis': return `*${words(part.parts)}*`;
      case 'code':
      case 'link': return ' ';
    }
  }).join('');
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
  // One of its own: emphasis has parts, too.
  const token = new RegExp(TOKEN);
  for (let match = token.exec(text); match && budget.left > 0; match = token.exec(text)) {
    const part = partOf(match, me, budget);
    if (!part) continue;
    if (match.index > at) parts.push({ type: 'text', text: text.slice(at, match.index) });
    parts.push(part.inline);
    at = match.index + part.length;
    token.lastIndex = at;
    budget.left -= 1;
  }
  if (at < text.length) parts.push({ type: 'text', text: text.slice(at) });
  return parts;
}

/**
 * @param {RegExpExecArray} match
 * @param {string} me
 * @param {{ left: number }} budget
 * @returns {{ inline: Inline, length: number } | null}
 */
function partOf(match, me, budget) {
  const [whole, code, emphasis, link, name] = match;
  if (code !== undefined) return { inline: { type: 'code', text: code }, length: whole.length };
  if (emphasis !== undefined) {
    return { inline: { type: 'emphasis', text: emphasis, parts: inline(emphasis, me, budget) }, length: whole.length };
  }
  if (link !== undefined) {
    const text = linkIn(link);
    const url = webAddress(text);
    return url === null ? null : { inline: { type: 'link', text, url }, length: text.length };
  }
  // One's own name may have letters after it, or signs in it, that others have not.
  const own = prefixOf(match.input.slice(match.index + 1, match.index + 1 + me.length * 4), folded(me));
  if (own > 0) return { inline: { type: 'mention', text: match.input.slice(match.index, match.index + 1 + own), me: true }, length: 1 + own };
  const other = name.replace(/[.\-|^]+$/, '');
  return other === '' ? null : { inline: { type: 'mention', text: `@${other}`, me: false }, length: 1 + other.length };
}
