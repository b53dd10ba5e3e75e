// What is shown of a room: groups, days, the unread line, and what is on its way.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { comingsInWords, layout } from '../../state/layout.js';
import { emptyRoom } from '../../state/room.js';

const me = { nick: 'ada', session: '51c02f6a9be407d3', via: 'websocket' };
const start = new Date(2026, 10, 20, 12, 0).getTime();
const message = (seq, minutes, nick = 'bob', via = 'tcp', more = {}) => ({
  kind: 'message', key: `s${seq}`, seq, id: null, from: { nick, session: '1', via }, text: 'x', action: false,
  time: start + minutes * 60_000, own: false, to: null, ...more,
});
const shown = (items, more = {}, pending = []) => layout({ ...emptyRoom('#lobby'), items, ...more }, pending, me)
  .map((row) => (row.type === 'message' ? `${row.key}${row.first ? ' first' : ''}${row.pending ? ' pending' : ''}` : row.type));

test('messages of one author within five minutes are a group, by one socket', () => {
  assert.deepEqual(shown([message(1, 0), message(2, 4), message(3, 10), message(4, 11, 'eve'), message(5, 11, 'eve', 'udp')]),
    ['day', 's1 first', 's2', 's3 first', 's4 first', 's5 first']);
});

test('a day begins with its name', () => {
  assert.deepEqual(shown([message(1, 0), message(2, 12 * 60)]), ['day', 's1 first', 'day', 's2 first']);
});

test('the line stands before the first unread message', () => {
  assert.deepEqual(shown([message(1, 0), message(2, 1), message(3, 1)], { line: 1 }), ['day', 's1 first', 'unread', 's2 first', 's3']);
  assert.deepEqual(shown([message(1, 0)], { line: 1 }), ['day', 's1 first']);
});

test('what is on its way is at the end, once, and only in its room', () => {
  const pending = (id, key) => ({ id, key, text: 'x', action: false, at: start, state: 'waiting', reason: '' });
  const stored = message(1, 0, 'ada', 'websocket', { key: 'A', id: 'A' });
  assert.deepEqual(shown([stored], {}, [pending('A', '#lobby'), pending('B', '#lobby'), pending('C', '#dev')]),
    ['day', 'A first', 'B pending']);
});

test('comings and goings read as a sentence', () => {
  const coming = (nick, what, old = null) => ({ nick, what, via: 'tcp', old });
  const plain = (comings, more = 0) => comingsInWords(comings, more).replace(/[\u2068\u2069]/g, '');
  assert.equal(plain([coming('ada', 'joined'), coming('bob', 'joined'), coming('eve', 'left')]), 'ada and bob joined, eve left');
  assert.equal(plain(['a', 'b', 'c', 'd', 'e'].map((nick) => coming(nick, 'joined'))), 'a, b, c and 2 others joined');
  assert.equal(plain([coming('bob', 'renamed', 'guest')], 3), 'guest is now bob, and 3 more before');
});
