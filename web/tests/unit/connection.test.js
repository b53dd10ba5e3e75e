// The connection against a wire made of nothing: hello, answers, cuts, and another transport when one is blocked.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { Connection, Interrupted, Refused } from '../../connection.js';

/** A transport that the test speaks for. */
function wires(name = 'test') {
  const opened = [];
  const transport = {
    name,
    open(hearer) {
      const wire = { hearer, sent: [], closed: false, send: (text) => wire.sent.push(JSON.parse(text)), close: () => { wire.closed = true; } };
      opened.push(wire);
      return wire;
    },
  };
  return { transport, opened, say: (message) => opened.at(-1).hearer.message(JSON.stringify(message)) };
}

function owner(more = {}) {
  const log = [];
  return {
    log, hello: () => ({ nick: 'ada' }), welcomed: () => log.push('welcomed'), refused: () => 'wait',
    heard: (event) => log.push(event.type), changed: (link) => log.push(link.phase), ended: () => 'stay', ...more,
  };
}

globalThis.window ??= globalThis;
beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
afterEach(() => mock.timers.reset());

/** @param {any} its @param {any} wire */
async function welcomed(its, wire) {
  wire.opened.at(-1).hearer.open();
  const { ref } = wire.opened.at(-1).sent[0];
  wire.say({ type: 'welcome', ref });
  await new Promise(setImmediate);
  return its;
}

test('hello comes first, and answers find their questions', async () => {
  const [wire, its] = [wires(), owner()];
  const connection = new Connection([wire.transport], its);
  connection.connect();
  await welcomed(its, wire);
  assert.deepEqual(its.log, ['connecting', 'welcomed', 'open']);
  const [one, other] = [connection.request({ type: 'rooms' }), connection.request({ type: 'topic' })];
  const [first, second] = wire.opened[0].sent.slice(1);
  wire.say({ type: 'error', ref: second.ref, code: 'not_a_member', message: 'no' });
  wire.say({ type: 'rooms', ref: first.ref, rooms: [] });
  assert.equal((await one).type, 'rooms');
  await assert.rejects(other, (error) => error instanceof Refused && error.code === 'not_a_member');
  wire.opened[0].hearer.closed('');
  connection.connect();
  wire.opened.at(-1).close();
});

test('a cut rejects what was asked, says so, and comes back', async () => {
  const [wire, its] = [wires(), owner()];
  const connection = new Connection([wire.transport], its);
  connection.connect();
  wire.opened[0].hearer.open();
  wire.say({ type: 'welcome', ref: '1' });
  await new Promise(setImmediate);
  const asked = connection.request({ type: 'rooms' });
  wire.opened[0].hearer.closed('shutting_down: bye');
  await assert.rejects(asked, Interrupted);
  await assert.rejects(connection.request({ type: 'rooms' }), Interrupted);
  assert.equal(its.log.at(-1), 'waiting');
  mock.timers.tick(1_000);
  assert.equal(wire.opened.length, 2);
});

test('a silent server is asked, and then given up', async () => {
  const [wire, its] = [wires(), owner()];
  const connection = new Connection([wire.transport], its);
  connection.connect();
  wire.opened[0].hearer.open();
  wire.say({ type: 'welcome', ref: '1' });
  await new Promise(setImmediate);
  mock.timers.tick(20_000);
  assert.equal(wire.opened[0].sent.at(-1).type, 'ping');
  mock.timers.tick(8_000);
  assert.deepEqual([wire.opened[0].closed, its.log.at(-1)], [true, 'waiting']);
});

/** Lets a wire say welcome to whoever said hello on it last. */
async function welcomes(wire) {
  wire.opened.at(-1).hearer.open();
  wire.say({ type: 'welcome', ref: wire.opened.at(-1).sent.at(-1).ref });
  await new Promise(setImmediate);
}

test('a transport that lets nothing through gives way to the next at once, however it fails', async () => {
  for (const fails of [
    (wire) => wire.hearer.closed(''),
    () => mock.timers.tick(5_000),
    (wire) => {
      wire.hearer.open();
      wire.hearer.closed('');
    },
    (wire) => {
      wire.hearer.open();
      mock.timers.tick(5_000);
    },
  ]) {
    const [blocked, other, its] = [wires('blocked'), wires('other'), owner({ welcomed: (_, via) => its.log.push(via) })];
    const connection = new Connection([blocked.transport, other.transport], its);
    connection.connect();
    fails(blocked.opened[0]);
    assert.deepEqual([blocked.opened.length, blocked.opened[0].closed, other.opened.length], [1, true, 1]);
    await welcomes(other);
    assert.deepEqual(its.log.slice(-2), ['other', 'open']);
  }
});

test('a transport that worked is not left for a server that is away for a moment', async () => {
  const [good, other] = [wires('good'), wires('other')];
  const connection = new Connection([good.transport, other.transport], owner());
  connection.connect();
  await welcomes(good);
  good.opened[0].hearer.closed('');
  for (let failures = 1; failures <= 3; failures += 1) {
    mock.timers.tick(20_000);
    good.opened.at(-1).hearer.closed('');
  }
  assert.deepEqual([good.opened.length, other.opened.length], [4, 0]);
  // Then the next is tried, and when that one fails, too, it is the first one's turn again.
  mock.timers.tick(20_000);
  good.opened.at(-1).hearer.closed('');
  assert.deepEqual([good.opened.length, other.opened.length], [5, 1]);
  other.opened[0].hearer.closed('');
  mock.timers.tick(20_000);
  assert.deepEqual([good.opened.length, other.opened.length], [6, 1]);
});

test('the transport that worked before is the first, and the best one is gone back to when it works', async () => {
  const [best, other] = [wires('best'), wires('other')];
  const connection = new Connection([best.transport, other.transport], owner(), 'other');
  connection.connect();
  assert.deepEqual([best.opened.length, other.opened.length], [0, 1]);
  await welcomes(other);
  mock.timers.tick(15_000);
  best.opened[0].hearer.closed('');
  assert.equal(connection.isOpen, true, 'a look at the best one disturbs nobody');
  other.say({ type: 'notice' });
  mock.timers.tick(15_000);
  assert.equal(best.opened.length, 1, 'it is left alone for longer');
  other.say({ type: 'notice' });
  mock.timers.tick(15_000);
  const asked = connection.request({ type: 'rooms' });
  best.opened[1].hearer.open();
  assert.deepEqual(best.opened[1].sent, [{}]);
  best.say({ type: 'error', code: 'bad_request' });
  await assert.rejects(asked, Interrupted);
  assert.deepEqual([best.opened.length, other.opened[0].closed], [3, true]);
  await welcomes(best);
  assert.equal(connection.isOpen, true);
});

test('the end that the server says is the end, unless its owner knows better', () => {
  for (const [answer, phase, opened] of [['stay', 'ended', 1], ['again', 'connecting', 2]]) {
    const [wire, its] = [wires(), owner({ ended: () => answer })];
    const connection = new Connection([wire.transport], its);
    connection.connect();
    wire.say({ type: 'closing', code: 'taken_over', message: 'elsewhere', reconnect: false });
    assert.deepEqual([its.log.at(-1), wire.opened.length], [phase, opened]);
  }
});

test('a refused hello waits for a code, and is said again with it', async () => {
  const [wire, its] = [wires(), owner()];
  const connection = new Connection([wire.transport], its);
  connection.connect();
  wire.opened[0].hearer.open();
  wire.say({ type: 'error', ref: '1', code: 'pass_required', message: 'the code' });
  await new Promise(setImmediate);
  assert.equal(its.log.at(-1), 'locked');
  connection.helloAgain();
  assert.equal(wire.opened[0].sent.at(-1).type, 'hello');
});
