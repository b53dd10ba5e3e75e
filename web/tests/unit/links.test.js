// Links: what is one, where it ends, and where it leads. The terminal client is held to the same table.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from '../../state/markup.js';

/** @type {[string, string[]][]} */
const CASES = JSON.parse(readFileSync(new URL('../links.json', import.meta.url), 'utf8'));

/** The links among the parts, and those within emphasis. */
const within = (parts) => parts.flatMap((part) => (part.type === 'link' ? [part] : part.type === 'emphasis' ? within(part.parts) : []));
const links = (text) => parse(text, 'ada').flatMap((block) => (block.type === 'block' ? [] : within(block.parts)));

test('a link has what belongs to it, and nothing else', () => {
  for (const [text, expected] of CASES) assert.deepEqual(links(text).map((link) => link.text), expected, text);
});

test('nothing of a text is lost around its links', () => {
  const all = (parts) => parts.map((part) => (part.type === 'emphasis' ? `*${all(part.parts)}*` : part.type === 'code' ? `\`${part.text}\`` : part.text)).join('');
  for (const [text] of CASES) assert.equal(parse(text, 'ada').map((block) => all(block.parts)).join('\n'), text, text);
});

test('a link leads where it says', () => {
  for (const [text, url] of [
    ['https://example.com/{a}', 'https://example.com/%7Ba%7D'],
    ['https://ja.wikipedia.org/wiki/日本', 'https://ja.wikipedia.org/wiki/%E6%97%A5%E6%9C%AC'],
    ['HTTPS://EXAMPLE.COM/A', 'https://example.com/A'],
    ['https://аррӏе.com/', 'https://xn--80ak6aa92e.com/'],
    ['http://[::1]:8080/x', 'http://[::1]:8080/x'],
  ]) assert.deepEqual(links(text).map((link) => link.url), [url], text);
});

test('code has no links', () => {
  for (const text of ['`https://example.com/`', '```\nhttps://example.com/\n```']) assert.deepEqual(links(text), [], text);
});

test('no link has a character that turns its text round or is not seen', () => {
  for (let code = 0; code < 0x110000; code += code === 0xD7FF ? 0x801 : 1) {
    const character = String.fromCodePoint(code);
    if (!/[\p{Cc}\p{Bidi_C}\p{Z}\u200B\u2060\uFEFF]/u.test(character)) continue;
    assert.deepEqual(links(`https://example.com/${character}exe`).map((link) => link.text), ['https://example.com/'], code.toString(16));
  }
});
