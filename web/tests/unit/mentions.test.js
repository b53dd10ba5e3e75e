// Who is named. The terminal client is held to the same table.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { mentions, parse } from '../../state/markup.js';

/** @type {[string, string, boolean][]} */
const CASES = JSON.parse(readFileSync(new URL('../mentions.json', import.meta.url), 'utf8'));

test('a name is a mention where it is said', () => {
  for (const [nick, text, expected] of CASES) assert.equal(mentions(text, nick), expected, `${nick}: ${text}`);
});

const names = (text, me) => parse(text, me).flatMap((block) => (block.type === 'block' ? [] : block.parts))
  .flatMap((part) => (part.type === 'mention' ? [`${part.me ? 'me' : 'other'} ${part.text}`] : []));

test('of a name after an @ no more is marked than belongs to it', () => {
  for (const [me, text, expected] of [
    ['ada', 'thanks @ada.', ['me @ada']], ['ada', 'ask @ada...', ['me @ada']], ['ada', '@ada-', ['me @ada']], ['ada', '@ADA!', ['me @ADA']],
    ['ada', '@adam', ['other @adam']], ['ada', '@ada-b', ['other @ada-b']], ['ada', '@bob. @carl-', ['other @bob', 'other @carl']],
    ['李雷', '@李雷你好', ['me @李雷']], ['李雷', '你好@李雷', ['me @李雷']], ['홍길동', '@홍길동님 안녕', ['me @홍길동']], ['ada', '@... @', []],
    ['josé', '@jose\u0301 hi', ['me @jose\u0301']], ['a+b', 'hi @a+b', ['me @a+b']], ['हिंदी', '@हिंदी जी', ['me @हिंदी']], ['ada', 'bob@ada.example', []],
    ['ada', '`@ada` https://example.com/@ada', []], ['', '@bob', ['other @bob']],
  ]) assert.deepEqual(names(text, me), expected, `${me}: ${text}`);
});

test('no text takes long to be searched for a name', () => {
  for (const piece of ['ada', 'ada-', '@ada ', '-', '.', 'a.', 'adá', '李', '@', '`ada', 'https://ada/ ', 'e\u0301', '*ada* ']) {
    const began = performance.now();
    mentions(`${piece.repeat((64 * 1024) / piece.length)} adab`, 'ada');
    parse(piece.repeat((64 * 1024) / piece.length), 'ada');
    assert.ok(performance.now() - began < 1_000, `${JSON.stringify(piece)} took ${performance.now() - began} ms`);
  }
});
