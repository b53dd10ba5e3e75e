// Names, hues, times and commands.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { understand } from '../../state/commands.js';
import { ago, beginning, bytesInWords, HUES, hueOf, isolated, messageId, plain } from '../../state/words.js';

test('a message id is a ULID: new each time, in the order of time', () => {
  const ids = Array.from({ length: 1_000 }, (_, at) => messageId(1_700_000_000_000 + at));
  assert.equal(new Set(ids).size, 1_000);
  assert.deepEqual(ids.toSorted(), ids);
  assert.ok(ids.every((id) => /^[0-9A-HJKMNP-TV-Z]{26}$/.test(id)));
});

test('every nick has a hue, the same in capitals, and all hues are used', () => {
  const hues = new Set(Array.from({ length: 500 }, (_, at) => hueOf(`guest-${at}`)));
  assert.deepEqual([...hues].sort((one, other) => one - other), Array.from({ length: HUES }, (_, at) => at));
  assert.equal(hueOf('Ada'), hueOf('ada'));
});

test('times and sizes in words', () => {
  assert.deepEqual([ago(0, 30_000), ago(0, 60_000), ago(0, 7_200_000)], ['just now', '1 minute ago', '2 hours ago']);
  assert.deepEqual([bytesInWords(0), bytesInWords(1536), bytesInWords(3 << 20)], ['0 B', '1.5 KB', '3.0 MB']);
});

test('a line is a message or a command', () => {
  for (const [line, expected] of [
    ['hello', { do: 'say', text: 'hello', action: false }],
    ['//nick', { do: 'say', text: '/nick', action: false }],
    ['/etc/passwd is a file', { do: 'say', text: '/etc/passwd is a file', action: false }],
    ['/me waves', { do: 'say', text: 'waves', action: true }],
    ['/msg bob two\nlines', { do: 'tell', nick: 'bob', text: 'two\nlines' }],
    ['/JOIN #dev', { do: 'join', word: 'dev' }],
    ['/topic -', { do: 'topic', text: '' }],
    ['/topic tea at five', { do: 'topic', text: 'tea at five' }],
    ['/topic', { do: 'tell-topic' }],
    ['/topic  ', { do: 'tell-topic' }],
    ['/leave', { do: 'leave', word: '' }],
    ['/leave dev', { do: 'leave', word: 'dev' }],
    ['/who dev', { do: 'who', word: 'dev' }],
    ['/rooms', { do: 'rooms', word: '' }],
    ['/pass', { do: 'wrong', why: '/pass wants the join code' }],
    ['/quit', { do: 'wrong', why: 'Close the page to quit; /leave leaves a room' }],
    [' /nick x', { do: 'say', text: ' /nick x', action: false }],
    ['/nick', { do: 'wrong', why: '/nick wants a name' }],
    ['/dance', { do: 'wrong', why: 'There is no /dance; // says a slash' }],
  ]) assert.deepEqual(understand(line), expected, line);
});

test('every command of the text protocol does something here, or says what to do', () => {
  for (const name of ['help', 'nick', 'join', 'leave', 'rooms', 'who', 'me', 'msg', 'topic', 'history', 'pass', 'quit']) {
    for (const line of [`/${name}`, `/${name} word`, `/${name} two words`, `/${name.toUpperCase()} #word`]) {
      const typed = understand(line);
      assert.ok(typed.do !== 'say' || typed.action, line);
      assert.ok(typed.do !== 'wrong' || !typed.why.startsWith('There is no'), line);
    }
  }
});

test('towers of accents and marks of direction are taken from a text that cannot be kept in its bounds', () => {
  assert.equal(plain(`Z${'\u0301'.repeat(400)}!`), `Z${'\u0301'.repeat(8)}!`);
  assert.equal(plain('\u202Eevil\u2066 \u0007line\nline'), 'evil line\nline');
  assert.equal(plain('한국어 हिन्दी עִבְרִית 👩🏽‍💻'), '한국어 हिन्दी עִבְרִית 👩🏽‍💻');
  assert.equal(isolated('a\u2069\u202Eb'), '\u2068ab\u2069');
});

test('a beginning has whole characters', () => {
  assert.deepEqual([beginning('short', 5), beginning('longer', 5), beginning('abc🎉', 4)], ['short', 'longe…', 'abc…']);
});
