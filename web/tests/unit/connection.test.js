// The connection against a wire made of nothing: hello, answers, cuts, and another transport when one is blocked.

import assert from 'node:assert/strict';
import { test } from 'node:test';
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

test('a cut rejects what was asked, says so, and comes back', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
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
  context.mock.timers.tick(1_000);
  assert.equal(wire.opened.length, 2);
});

test('a silent server is asked, and then given up', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const [wire, its] = [wires(), owner()];
  const connection = new Connection([wire.transport], its);
  connection.connect();
  wire.opened[0].hearer.open();
  wire.say({ type: 'welcome', ref: '1' });
  await new Promise(setImmediate);
  context.mock.timers.tick(20_000);
  assert.equal(wire.opened[0].sent.at(-1).type, 'ping');
  context.mock.timers.tick(8_000);
  assert.deepEqual([wire.opened[0].closed, its.log.at(-1)], [true, 'waiting']);
});

test('a transport that cannot be opened gives way to the next', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const [blocked, other] = [wires('blocked'), wires('other')];
  const connection = new Connection([blocked.transport, other.transport], owner());
  connection.connect();
  for (const wait of [1_000, 2_000]) {
    blocked.opened.at(-1).hearer.closed('');
    context.mock.timers.tick(wait);
  }
  assert.deepEqual([blocked.opened.length, other.opened.length], [2, 1]);
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
