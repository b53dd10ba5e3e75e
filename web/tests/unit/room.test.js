// The window onto a room's history, under every page and event.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { append, count, emptyRoom, firstSeq, fold, itemOf, lastSeq, markRead, merge, WINDOW } from '../../state/room.js';

const from = { nick: 'bob', session: '8d147be260fac935', via: 'tcp' };
const event = (seq, more = {}) => ({
  type: 'message', room: 'lobby', seq, from, text: `message ${seq}`, time: '2026-11-20T08:00:00.123Z', ...more,
});
const item = (seq, more) => itemOf(event(seq, more), 'ada');
const items = (first, last) => Array.from({ length: last - first + 1 }, (_, at) => item(first + at));
const seqs = (room) => room.items.map((one) => one.seq);
const loaded = (first, last) => merge({ ...emptyRoom('#lobby'), seq: last }, items(first, last), 'latest', first > 1, 0);

test('a live message goes to the end', () => {
  const room = append(loaded(1, 3), item(4));
  assert.deepEqual(seqs(room), [1, 2, 3, 4]);
  assert.equal(room.atEnd, true);
});

test('what comes twice is there once', () => {
  const room = append(append(loaded(1, 3), item(3)), item(2));
  assert.deepEqual(seqs(room), [1, 2, 3]);
});

test('a hole ends the window before it, and loading what is between closes it', () => {
  const holed = append(loaded(1, 3), item(6));
  assert.deepEqual([seqs(holed), holed.atEnd, holed.seq], [[1, 2, 3], false, 6]);
  const closed = merge(holed, items(4, 6), 'after', false, 3);
  assert.deepEqual([seqs(closed), closed.atEnd], [[1, 2, 3, 4, 5, 6], true]);
});

test('a page that was overtaken by live messages is not the end', () => {
  const waiting = append({ ...emptyRoom('#lobby'), seq: 3 }, item(4));
  const room = merge(waiting, items(1, 3), 'latest', false, 0);
  assert.deepEqual([seqs(room), room.atEnd], [[1, 2, 3], false]);
});

test('a page from an edge that is none any more is thrown away, so that no hole comes of it', () => {
  let room = loaded(201, 400);
  // Asked for what is before 201; meanwhile the room went on, and the far side was cut.
  for (let seq = 401; seq <= 481; seq += 1) room = append(room, item(seq));
  assert.ok(firstSeq(room) > 201);
  assert.equal(merge(room, items(101, 200), 'before', true, 201), room);
  // The end was wanted instead, and the window was begun anew.
  const anew = { ...emptyRoom('#lobby'), seq: 481 };
  assert.equal(merge(anew, items(101, 200), 'before', true, 201), anew);
  assert.equal(merge(anew, items(401, 480), 'after', true, 400), anew);
});

test('however far one scrolls, the window is bounded and without holes', () => {
  let room = loaded(9_921, 10_000);
  while (!room.atStart) {
    const before = firstSeq(room);
    const first = Math.max(1, before - 80);
    room = merge(room, items(first, before - 1), 'before', first > 1, before);
    assert.ok(room.items.length <= WINDOW);
    assert.equal(lastSeq(room) - firstSeq(room) + 1, room.items.length);
  }
  assert.equal(firstSeq(room), 1);
  assert.equal(room.atEnd, false);
  while (!room.atEnd) {
    const after = lastSeq(room);
    const last = Math.min(10_000, after + 80);
    room = merge(room, items(after + 1, last), 'after', last < 10_000, after);
    assert.ok(room.items.length <= WINDOW);
    assert.equal(lastSeq(room) - firstSeq(room) + 1, room.items.length);
  }
  assert.equal(lastSeq(room), 10_000);
});

test('a reader who is far up keeps the place while the room goes on', () => {
  let room = { ...loaded(1, 200), following: false };
  for (let seq = 201; seq <= 600; seq += 1) room = append(room, item(seq));
  assert.equal(firstSeq(room), 1);
  assert.equal(room.atEnd, false);
  assert.equal(room.seq, 600);
});

test('a reader at the end keeps the end, and the far side is cut', () => {
  let room = loaded(1, 200);
  for (let seq = 201; seq <= 600; seq += 1) room = append(room, item(seq));
  assert.equal(lastSeq(room), 600);
  assert.ok(room.items.length <= WINDOW + 40);
  assert.equal(room.atStart, false);
});

test('comings and goings are one line, and who only passed by is not named', () => {
  let room = loaded(1, 1);
  const come = (nick, what, old = null) => { room = fold(room, { nick, what, via: 'tcp', old }, 1_000); };
  come('ada', 'joined');
  come('eve', 'joined');
  come('eve', 'left');
  come('ida', 'renamed', 'ada');
  const last = room.items.at(-1);
  assert.equal(room.items.length, 2);
  assert.deepEqual(last.comings, [{ nick: 'ida', what: 'joined', via: 'tcp', old: null }]);
  come('ida', 'left');
  assert.equal(room.items.length, 1);
});

test('a thousand joins keep one bounded line', () => {
  let room = loaded(1, 1);
  for (let number = 0; number < 1_000; number += 1) room = fold(room, { nick: `n${number}`, what: 'joined', via: 'tcp', old: null }, 1_000);
  const last = room.items.at(-1);
  assert.equal(room.items.length, 2);
  assert.equal(last.comings.length + last.more, 1_000);
  assert.ok(last.comings.length <= 40);
});

test('what nobody saw is unread, from a line on; one’s own message reads all', () => {
  let room = markRead(loaded(1, 3), 3);
  room = count(append(room, item(4)), item(4), false, false);
  room = count(append(room, item(5)), item(5), false, true);
  assert.deepEqual([room.unread, room.mentions, room.line, room.read], [2, 1, 3, 3]);
  const own = itemOf(event(6, { from: { ...from, nick: 'ada' } }), 'ada');
  room = count(append(room, own), own, false, false);
  assert.deepEqual([room.unread, room.mentions, room.line, room.read], [0, 0, null, 6]);
});

test('what was read in another window is read here', () => {
  let room = markRead(loaded(1, 3), 3);
  for (const seq of [4, 5, 6]) room = count(append(room, item(seq)), item(seq), false, true);
  assert.equal(markRead(room, 5).unread, 1);
  assert.deepEqual([markRead(room, 6).unread, markRead(room, 6).mentions], [0, 0]);
  assert.equal(markRead(room, 2), room);
});

test('what is not a message is no line', () => {
  for (const wrong of [{ type: 'message' }, event(1, { time: 'never' }), event(1, { text: 7 }), event(1, { type: 'typing' })]) {
    assert.equal(itemOf(wrong, 'ada'), null);
  }
});
