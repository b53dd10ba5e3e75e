// Messages on their way: in order, once, whatever breaks.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as queue from '../../state/queue.js';

const message = (id) => ({ id, key: '#lobby', text: id, action: false, at: 1 });
const filled = () => ['a', 'b', 'c'].reduce((pending, id) => queue.add(pending, message(id)), []);
const states = (pending) => pending.map(({ id, state }) => `${id} ${state}`);

test('one is under way at a time, in order', () => {
  let pending = filled();
  assert.equal(queue.next(pending)?.id, 'a');
  pending = queue.sending(pending, 'a');
  assert.equal(queue.next(pending), null);
  assert.equal(queue.next(queue.remove(pending, 'a'))?.id, 'b');
});

test('what was under way when the connection broke goes again first, under its old id', () => {
  const pending = queue.interrupted(queue.sending(filled(), 'a'));
  assert.deepEqual(states(pending), ['a waiting', 'b waiting', 'c waiting']);
});

test('a refusal that passes keeps the message in its place, another one lets the next go', () => {
  const sending = queue.sending(filled(), 'a');
  assert.equal(queue.next(queue.refused(sending, 'a', 'rate_limited', ''))?.id, 'a');
  const failed = queue.refused(sending, 'a', 'message_too_long', 'too long');
  assert.deepEqual([failed[0].state, failed[0].reason, queue.next(failed)?.id], ['failed', 'too long', 'b']);
  assert.equal(queue.next(queue.retry(failed, 'a'))?.id, 'a');
});

test('a queue that was kept is believed as far as it makes sense', () => {
  assert.deepEqual(queue.restored(null), []);
  assert.deepEqual(queue.restored([null, 7, { id: 'a' }]), []);
  const kept = JSON.parse(JSON.stringify(queue.sending(filled(), 'a')));
  assert.deepEqual(states(queue.restored(kept)), ['a waiting', 'b waiting', 'c waiting']);
});
