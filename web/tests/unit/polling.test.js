// Long polling against a server made of nothing: packets in order, one request of each kind at a time, and its ends.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { polling } from '../../polling.js';

const HANDSHAKE = '0{"sid":"a+b","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":40}';
const turn = () => new Promise(setImmediate);
const { fetch: real } = globalThis;
/** @type {{ url: string, method: string, body?: string, answer(text: string, ok?: boolean): Promise<unknown>, fail(): Promise<unknown> }[]} */
let asked;
beforeEach(() => {
  asked = [];
  globalThis.fetch = /** @type {any} */ ((url, { method, body, signal }) => new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new DOMException('', 'AbortError')));
    asked.push({
      url, method, body,
      answer: (text, ok = true) => { resolve({ ok, text: async () => text }); return turn(); },
      fail: () => { reject(new TypeError('network')); return turn(); },
    });
  }));
});
afterEach(() => { globalThis.fetch = real; });

function begin() {
  const log = [];
  const hearer = { open: () => log.push('open'), message: (text) => log.push(text), closed: () => log.push('closed') };
  return { log, wire: polling('/poll/').open(hearer) };
}

test('a session opens, hears several packets in order, and goes on asking', async () => {
  const { log } = begin();
  assert.deepEqual([asked[0].method, asked[0].url], ['GET', '/poll/?EIO=4&transport=polling']);
  await asked[0].answer(HANDSHAKE);
  assert.equal(asked[1].url, '/poll/?EIO=4&transport=polling&sid=a%2Bb');
  await asked[1].answer('4{"a":1}\x1e6\x1e4{"b":2}');
  assert.deepEqual(log, ['open', '{"a":1}', '{"b":2}']);
  assert.deepEqual([asked.length, asked[2].method], [3, 'GET']);
});

test('what is said goes in one request after the other, together if it may, and pings are answered', async () => {
  const { wire } = begin();
  await asked[0].answer(HANDSHAKE);
  wire.send('first');
  wire.send('second');
  await asked[1].answer('2');
  for (let number = 3; number <= 6; number += 1) wire.send(`number ${number}`);
  const posts = () => asked.filter(({ method }) => method === 'POST').map(({ body }) => body);
  const post = () => asked.findLast(({ method }) => method === 'POST');
  assert.deepEqual(posts(), ['4first']);
  await post().answer('ok');
  assert.deepEqual(posts().slice(1), ['4second\x1e3\x1e4number 3\x1e4number 4\x1e4number 5'], 'no longer than the server takes');
  await post().answer('ok');
  assert.deepEqual(posts().slice(2), ['4number 6']);
});

test('a session ends once: when the server says so, when a request fails, when a stranger answers', async () => {
  for (const ends of [
    () => asked[1].answer('4last\x1e1\x1e4not heard'),
    () => asked[1].answer('{"code":1}', false),
    () => asked[1].answer('<html>Pay here</html>'),
    () => asked[1].answer(''),
    () => asked[1].fail(),
    async () => asked.findLast(({ method }) => method === 'POST').fail(),
  ]) {
    asked = [];
    const { log, wire } = begin();
    await asked[0].answer(HANDSHAKE);
    wire.send('x');
    await ends();
    assert.deepEqual(log.filter((word) => word !== 'last'), ['open', 'closed']);
    const count = asked.length;
    wire.send('y');
    await turn();
    assert.equal(asked.length, count);
  }
  asked = [];
  const { log } = begin();
  await asked[0].answer('0<html>');
  assert.deepEqual(log, ['closed']);
});

test('who closes it hears nothing of it any more', async () => {
  const { log, wire } = begin();
  await asked[0].answer(HANDSHAKE);
  wire.close();
  await asked[1].answer('4late');
  assert.deepEqual(log, ['open']);
});
