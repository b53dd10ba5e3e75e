// What people write becomes structure, never markup, and in time that grows with the text.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mentions, parse } from '../../state/markup.js';

const shape = (text) => parse(text, 'ada').map((block) => (
  block.type === 'block' ? `block(${block.text})`
    : `${block.type}(${block.parts.map((part) => (part.type === 'text' ? part.text : `${part.type}[${part.text}]`)).join('')})`)).join(' ');

test('text becomes blocks', () => {
  for (const [text, expected] of [
    ['plain', 'paragraph(plain)'],
    ['a\nb', 'paragraph(a\nb)'],
    ['> said\nanswer', 'quote(said) paragraph(answer)'],
    ['>no space', 'paragraph(>no space)'],
    ['```rust\nfn main() {}\n```', 'block(fn main() {})'],
    ['before ```code``` after', 'paragraph(before ) block(code) paragraph( after)'],
    ['```open', 'paragraph(```open)'],
    ['see `a*b*c` and *this*', 'paragraph(see code[a*b*c] and emphasis[this])'],
    ['2*3*4 and a * b * c', 'paragraph(2*3*4 and a * b * c)'],
    ['@ada hi @bob, a@b.example', 'paragraph(mention[@ada] hi mention[@bob], a@b.example)'],
    ['', ''],
  ]) assert.equal(shape(text), expected, text);
});

test('only web addresses become links, and only what belongs to them', () => {
  for (const [text, expected] of [
    ['https://example.org/a?b=c#d', 'paragraph(link[https://example.org/a?b=c#d])'],
    ['(see https://example.org/x).', 'paragraph((see link[https://example.org/x]).)'],
    ['https://en.wikipedia.org/wiki/A_(b)', 'paragraph(link[https://en.wikipedia.org/wiki/A_(b)])'],
    ['javascript:alert(1)', 'paragraph(javascript:alert(1))'],
    ['data:text/html,<b>', 'paragraph(data:text/html,<b>)'],
    ['https://bank.example@evil.example/', 'paragraph(https://bank.example@evil.example/)'],
    ['<img src=x onerror=alert(1)>', 'paragraph(<img src=x onerror=alert(1)>)'],
    ['https://', 'paragraph(https://)'],
  ]) assert.equal(shape(text), expected, text);
});

test('a name is a mention as a word of its own', () => {
  for (const [text, expected] of [
    ['ada', true], ['Ada: hello', true], ['hello @ADA!', true], ['adamant', false], ['nada', false], ['adapt ada', true], ['', false],
  ]) assert.equal(mentions(text, 'ada'), expected, text);
  assert.equal(mentions('anything', ''), false);
});

test('no text takes long, and none becomes thousands of parts', () => {
  const size = 64 * 1024;
  for (const piece of ['`', '*a ', '*', '*a', 'https://a(', '@a ', '> ', '```', '\n', '((((', 'http://x.example/a) ']) {
    const began = performance.now();
    const blocks = parse(piece.repeat(size / piece.length), 'ada');
    const parts = blocks.reduce((sum, block) => sum + (block.type === 'block' ? 1 : block.parts.length), 0);
    assert.ok(performance.now() - began < 500, `${JSON.stringify(piece)} took ${performance.now() - began} ms`);
    assert.ok(parts < 300, `${JSON.stringify(piece)} has ${parts} parts`);
  }
});
