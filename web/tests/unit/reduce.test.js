// Everything together: a session's life, from its welcome to another epoch.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY, reduce } from '../../state/reduce.js';

const time = '2026-11-20T08:00:00.123Z';
const now = Date.parse(time);
const bob = { nick: 'bob', session: '8d147be260fac935', via: 'tcp' };
const rooms = [{ room: 'lobby', seq: 2, members: 2, topic: 'tea' }];
const welcome = { type: 'welcome', session: '51c02f6a9be407d3', nick: 'ada', epoch: 'e1', rooms };
const message = (seq, more = {}) => ({ type: 'message', room: 'lobby', seq, from: bob, text: `${seq}`, time, ...more });
const page = { type: 'history', events: [message(1), message(2)], more: false };

/** @param {any[]} actions */
const after = (...actions) => actions.reduce(reduce, EMPTY);
const heard = (event) => ({ do: 'event', event, now, elapsed: 1_000 });
const begin = [{ do: 'welcome', welcome, via: 'websocket', reads: {} }, { do: 'open', key: '#lobby' }, { do: 'page', key: '#lobby', page, where: 'latest', edge: 0 }];
const texts = (state, key = '#lobby') => state.rooms[key].items.filter((item) => item.kind === 'message').map((item) => item.text);

test('a room is welcomed, opened, loaded, and goes on', () => {
  const state = after(...begin, heard(message(3)));
  assert.deepEqual(texts(state), ['1', '2', '3']);
  assert.deepEqual([state.rooms['#lobby'].unread, state.rooms['#lobby'].read, state.rooms['#lobby'].topic], [0, 3, 'tea']);
});

test('what comes while nobody looks is unread until somebody does', () => {
  const away = after(...begin, { do: 'attentive', attentive: false }, heard(message(3)), heard(message(4, { text: 'ada?' })));
  assert.deepEqual([away.rooms['#lobby'].unread, away.rooms['#lobby'].mentions, away.rooms['#lobby'].line], [2, 1, 2]);
  const back = reduce(away, { do: 'attentive', attentive: true });
  assert.deepEqual([back.rooms['#lobby'].unread, back.rooms['#lobby'].line], [0, 2]);
});

test('a marker from before says what is unread', () => {
  const state = after({ do: 'welcome', welcome, via: 'websocket', reads: { lobby: 1 } });
  assert.deepEqual([state.rooms['#lobby'].unread, state.rooms['#lobby'].line], [1, 1]);
});

test('a message goes from typed to stored without moving, and comes back once', () => {
  const said = after(...begin, { do: 'say', id: 'ID', key: '#lobby', text: 'mine', action: false, now }, { do: 'sending', id: 'ID' });
  const stored = reduce(said, { do: 'stored', id: 'ID', seq: 3, time });
  const replayed = reduce(stored, heard(message(3, { id: 'ID', text: 'mine', from: { ...bob, nick: 'ada' } })));
  for (const state of [stored, replayed]) {
    assert.deepEqual(texts(state), ['1', '2', 'mine']);
    assert.deepEqual(state.pending, []);
  }
});

test('a message whose acknowledgement was lost is recognised in the replay', () => {
  const said = after(...begin, { do: 'say', id: 'ID', key: '#lobby', text: 'mine', action: false, now });
  const state = reduce(said, heard(message(3, { id: 'ID', text: 'mine', from: { ...bob, nick: 'ada' } })));
  assert.deepEqual([texts(state), state.pending], [['1', '2', 'mine'], []]);
});

test('resuming waits for the replay, anything else loads what was missed', () => {
  const later = { ...welcome, rooms: [{ ...rooms[0], seq: 9 }] };
  const resumed = after(...begin, { do: 'welcome', welcome: { ...later, resumed: true }, via: 'websocket', reads: {} });
  assert.equal(resumed.rooms['#lobby'].atEnd, true);
  const fresh = after(...begin, { do: 'welcome', welcome: { ...later, resumed: false }, via: 'websocket', reads: {} });
  assert.equal(fresh.rooms['#lobby'].atEnd, false);
});

test('another epoch forgets all numbers and keeps the rooms and what is on its way', () => {
  const state = after(...begin, { do: 'say', id: 'ID', key: '#lobby', text: 'mine', action: false, now },
    { do: 'welcome', welcome: { ...welcome, epoch: 'e2', rooms: [{ ...rooms[0], seq: 0 }] }, via: 'websocket', reads: {} });
  assert.deepEqual([texts(state), state.rooms['#lobby'].seq, state.rooms['#lobby'].loaded, state.pending.length], [[], 0, false, 1]);
});

test('a gap empties the window, which is then loaded again', () => {
  const state = after(...begin, heard({ type: 'gap', room: 'lobby', from: 3, to: 1800, time }));
  assert.deepEqual([state.rooms['#lobby'].items.length, state.rooms['#lobby'].loaded], [0, false]);
});

test('private messages make a conversation, which follows a new name', () => {
  const state = after(...begin, heard({ type: 'message', from: bob, to: 'ada', text: 'psst', time }),
    heard({ type: 'renamed', room: 'lobby', from: { ...bob, nick: 'robert' }, old: 'bob', time }));
  assert.deepEqual([texts(state, '@robert'), state.rooms['@bob'], state.rooms['@robert'].unread], [['psst'], undefined, 1]);
  assert.deepEqual(state.order, ['#lobby', '@robert']);
});

test('people come, go and change their names', () => {
  const members = { type: 'members', count: 2, members: [{ nick: 'ada', sessions: [{ session: '1', via: 'websocket' }] }, { nick: 'bob', sessions: [{ session: '2', via: 'tcp' }] }] };
  const eve = { nick: 'eve', session: '3', via: 'udp' };
  const state = after(...begin, { do: 'people', key: '#lobby', people: members },
    heard({ type: 'joined', room: 'lobby', from: eve, members: 3, time }), heard({ type: 'left', room: 'lobby', from: bob, members: 2, why: 'gone', time }),
    { do: 'nick', nick: 'ida' });
  assert.deepEqual(state.rooms['#lobby'].people, [{ nick: 'eve', via: ['udp'] }, { nick: 'ida', via: ['websocket'] }]);
  assert.deepEqual([state.rooms['#lobby'].members, state.seenVia], [2, { tcp: 'bob', udp: 'eve' }]);
});

test('typing ends with the message, or with time', () => {
  const typing = after(...begin, heard({ type: 'typing', room: 'lobby', from: bob, time }));
  assert.deepEqual(Object.keys(typing.rooms['#lobby'].typing), ['bob']);
  assert.deepEqual(reduce(typing, heard(message(3))).rooms['#lobby'].typing, {});
  assert.deepEqual(reduce(typing, { do: 'tick', elapsed: 61_000 }).rooms['#lobby'].typing, {});
});

test('a room that is left is gone, and another one is current', () => {
  const state = after(...begin, { do: 'joined', row: { room: 'dev', seq: 0, members: 1, topic: '' }, reads: {} }, { do: 'left', key: '#lobby' });
  assert.deepEqual([state.order, state.current], [['#dev'], '#dev']);
});

test('a room that is entered again has what was missed, and who is named in it', () => {
  const row = { room: 'dev', seq: 7, members: 2, topic: '' };
  const back = after(...begin, { do: 'joined', row, reads: { dev: 3 } });
  const room = back.rooms['#dev'];
  assert.deepEqual([room.read, room.unread, room.mentions, room.line], [3, 4, 0, 3]);
  const events = [4, 5, 6, 7].map((seq) => message(seq, { room: 'dev', text: seq === 5 ? 'ada?' : 'x', own: seq === 4 }));
  const seen = reduce(back, { do: 'missed', key: '#dev', page: { type: 'history', events, more: false }, from: 3 }).rooms['#dev'];
  assert.deepEqual([seen.unread, seen.mentions, seen.read, seen.line], [3, 1, 4, 4], 'one’s own of another device is not news');
  const late = reduce(reduce(back, { do: 'read', key: '#dev', seq: 7 }), { do: 'missed', key: '#dev', page: { type: 'history', events }, from: 3 });
  assert.equal(late.rooms['#dev'].unread, 0, 'what was read meanwhile stays read');
  assert.equal(after(...begin, { do: 'joined', row, reads: {} }).rooms['#dev'].unread, 0, 'whoever was never there missed nothing');
});

test('a list of people stays until there is a newer one', () => {
  const list = { type: 'members', count: 2, members: [{ nick: 'ada', sessions: [] }, { nick: 'bob', sessions: [] }] };
  const known = after(...begin, { do: 'people', key: '#lobby', people: list });
  assert.equal(known.rooms['#lobby'].isStale, false);
  const changed = reduce(known, heard({ type: 'members', room: 'lobby', count: 150, time }));
  const again = reduce(changed, { do: 'welcome', welcome: { ...welcome, resumed: true }, via: 'websocket', reads: {} });
  for (const { rooms } of [changed, again]) {
    assert.deepEqual([rooms['#lobby'].people?.map(({ nick }) => nick), rooms['#lobby'].isStale], [['ada', 'bob'], true]);
  }
});

test('events of types that are not known change nothing', () => {
  const state = after(...begin);
  assert.equal(reduce(state, heard({ type: 'of the future', room: 'lobby' })), state);
});
