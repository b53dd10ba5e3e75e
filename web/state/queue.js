// Messages on their way: sent one after the other, each until the server has stored it, whatever happens in between.

/** @import { Pending } from './types.js' */

/**
 * Refusals that pass by themselves: the message waits and is tried again.
 * @type {readonly string[]}
 */
export const PASSING = ['rate_limited', 'storage_full', 'shutting_down', 'pass_required'];

/**
 * @param {Pending[]} queue
 * @param {{ id: string, key: string, text: string, action: boolean, at: number }} message
 * @returns {Pending[]}
 */
export function add(queue, message) {
  return [...queue, { ...message, state: 'waiting', reason: '' }];
}

/**
 * The message to send now: none while one is under way, so that they stay in order.
 * @param {Pending[]} queue
 * @returns {Pending | null}
 */
export function next(queue) {
  if (queue.some((message) => message.state === 'sending')) return null;
  return queue.find((message) => message.state === 'waiting') ?? null;
}

/**
 * @param {Pending[]} queue
 * @param {string} id
 * @returns {Pending[]}
 */
export function sending(queue, id) {
  return changed(queue, id, { state: 'sending', reason: '' });
}

/**
 * The server has it, or it was thrown away.
 * @param {Pending[]} queue
 * @param {string} id
 * @returns {Pending[]}
 */
export function remove(queue, id) {
  return queue.filter((message) => message.id !== id);
}

/**
 * The server said no.
 * @param {Pending[]} queue
 * @param {string} id
 * @param {string} code
 * @param {string} reason
 * @returns {Pending[]}
 */
export function refused(queue, id, code, reason) {
  if (PASSING.includes(code)) return changed(queue, id, { state: 'waiting', reason });
  return changed(queue, id, { state: 'failed', reason });
}

/**
 * A failed one is tried again, in its old place.
 * @param {Pending[]} queue
 * @param {string} id
 * @returns {Pending[]}
 */
export function retry(queue, id) {
  return changed(queue, id, { state: 'waiting', reason: '' });
}

/**
 * The connection broke: what was under way may have arrived or not, and goes again under its old id.
 * @param {Pending[]} queue
 * @returns {Pending[]}
 */
export function interrupted(queue) {
  return queue.map((message) => (message.state === 'sending' ? { ...message, state: 'waiting' } : message));
}

/**
 * What was kept of a queue, as far as it can be believed.
 * @param {unknown} kept
 * @returns {Pending[]}
 */
export function restored(kept) {
  if (!Array.isArray(kept)) return [];
  const good = kept.filter((message) => ['id', 'key', 'text'].every((name) => typeof message?.[name] === 'string'));
  return interrupted(good.map((message) => ({
    id: message.id, key: message.key, text: message.text, action: message.action === true, at: Number(message.at) || 0,
    state: message.state === 'failed' ? 'failed' : 'waiting', reason: String(message.reason ?? ''),
  })));
}

/**
 * @param {Pending[]} queue
 * @param {string} id
 * @param {Partial<Pending>} change
 * @returns {Pending[]}
 */
function changed(queue, id, change) {
  return queue.map((message) => (message.id === id ? { ...message, ...change } : message));
}
