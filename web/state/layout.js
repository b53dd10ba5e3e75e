// The lines of a conversation as they are shown: days, groups by author, what is unread, what is on its way.

/** @import { Coming, From, Item, Message, Pending, Room, Row } from './types.js' */

import { isolated } from './words.js';

/** Messages of one author within this time are one group. */
const GROUP_MS = 5 * 60_000;

/**
 * @param {Room} room
 * @param {Pending[]} pending all that is on its way, of every room
 * @param {From} me
 * @returns {Row[]}
 */
export function layout(room, pending, me) {
  /** @type {Row[]} */
  const rows = [];
  if (room.atStart && !room.isPerson) rows.push({ type: 'start', key: 'start' });
  /** @type {Message | null} */
  let before = null;
  let day = '';
  let isLineDue = room.line !== null;
  /** @param {Item} item @param {Pending | null} on */
  const show = (item, on) => {
    const itsDay = new Date(item.time).toDateString();
    if (itsDay !== day) {
      rows.push({ type: 'day', key: `d${itsDay}`, time: item.time });
      before = null;
      day = itsDay;
    }
    if (isLineDue && item.seq !== null && item.seq > (room.line ?? 0)) {
      rows.push({ type: 'unread', key: 'unread' });
      before = null;
      isLineDue = false;
    }
    if (item.kind !== 'message') {
      rows.push({ type: 'line', key: item.key, item });
      before = null;
      return;
    }
    rows.push({ type: 'message', key: item.key, item, first: !isSameGroup(before, item), pending: on });
    before = item;
  };
  for (const item of room.items) show(item, null);
  const stored = new Set(room.items.map((item) => item.key));
  for (const one of pending) {
    if (one.key !== room.key || stored.has(one.id)) continue;
    show({
      kind: 'message', key: one.id, seq: null, id: one.id, from: me, text: one.text, action: one.action, time: one.at,
      own: true, to: null,
    }, one);
  }
  return rows;
}

/**
 * @param {Message | null} before
 * @param {Message} item
 */
function isSameGroup(before, item) {
  return before !== null && !before.action && !item.action && before.from.nick === item.from.nick
    && before.from.via === item.from.via && item.time - before.time < GROUP_MS;
}

/**
 * Comings and goings in one sentence: "ada and bob joined, eve left".
 * @param {Coming[]} comings
 * @param {number} more
 */
export function comingsInWords(comings, more) {
  const parts = [];
  const joined = comings.filter((coming) => coming.what === 'joined').map((coming) => coming.nick);
  const left = comings.filter((coming) => coming.what === 'left').map((coming) => coming.nick);
  if (joined.length > 0) parts.push(`${names(joined)} joined`);
  if (left.length > 0) parts.push(`${names(left)} left`);
  for (const { old, nick } of comings.filter((coming) => coming.what === 'renamed').slice(-3)) {
    parts.push(`${isolated(old ?? '')} is now ${isolated(nick)}`);
  }
  if (more > 0) parts.push(`and ${more} more before`);
  return parts.join(', ');
}

/** @param {string[]} nicks */
export function names(nicks) {
  const unique = [...new Set(nicks)];
  const shown = unique.slice(0, unique.length > 4 ? 3 : 4).map(isolated);
  const rest = unique.length - shown.length;
  if (rest > 0) return `${shown.join(', ')} and ${rest} others`;
  return shown.length < 2 ? shown.join('') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
}
