// One conversation: a window onto its history that grows at both ends, and what was read of it.

/** @import { Coming, Incoming, Item, Message, Room } from './types.js' */

/** Lines that are kept, and drawn. */
export const WINDOW = 240;
/** Lines over that before the far end is cut, many at once. */
const SLACK = 40;
/** Comings and goings named in one folded line. */
const COMINGS_MAX = 40;

/**
 * @param {string} key `#room` or `@nick`
 * @returns {Room}
 */
export function emptyRoom(key) {
  const isPerson = key.startsWith('@');
  return {
    key, name: key.slice(1), isPerson, joined: isPerson, topic: '', members: 0, people: null, isStale: false, seq: 0, items: [],
    // A private conversation lives in this window only: there is nothing to load.
    loaded: isPerson, atStart: isPerson, atEnd: isPerson,
    following: true, read: 0, unread: 0, mentions: 0, line: null, typing: {},
  };
}

/**
 * A stored or private message, or a topic, as a line.
 * @param {Incoming} event
 * @param {string} me the nick of whoever looks
 * @returns {Item | null}
 */
export function itemOf(event, me) {
  const time = Date.parse(event.time ?? '');
  const from = event.from;
  if (!from || Number.isNaN(time) || typeof event.text !== 'string') return null;
  if (event.type === 'topic') {
    return { kind: 'topic', key: `s${event.seq}`, seq: event.seq ?? 0, from, text: event.text, time };
  }
  if (event.type !== 'message') return null;
  const key = event.id ?? (event.seq === undefined ? `p${from.session}${event.time}${event.text.length}` : `s${event.seq}`);
  return {
    kind: 'message', key, seq: event.seq ?? null, id: event.id ?? null, from, text: event.text,
    action: event.action === true, time, own: event.own === true || from.nick === me, to: event.to ?? null,
  };
}

/**
 * The number of the last stored line, 0 if there is none.
 * @param {Room} room
 */
export function lastSeq(room) {
  return room.items.findLast((item) => item.seq !== null)?.seq ?? 0;
}

/**
 * The number of the first stored line, 0 if there is none.
 * @param {Room} room
 */
export function firstSeq(room) {
  return room.items.find((item) => item.seq !== null)?.seq ?? 0;
}

/**
 * Something new happened. It goes to the end if the window is there; a hole makes the window end before it, and whoever
 * wants the end loads what is between.
 * @param {Room} room
 * @param {Item} item
 * @returns {Room}
 */
export function append(room, item) {
  const seq = Math.max(room.seq, item.seq ?? 0);
  if (item.seq !== null) {
    const last = lastSeq(room);
    if (item.seq <= last || room.items.some((other) => other.key === item.key)) {
      return { ...room, seq, items: room.items.map((other) => (other.key === item.key ? item : other)) };
    }
    if (!room.atEnd) return { ...room, seq };
    if (item.seq > last + 1) return { ...room, seq, atEnd: false };
  }
  if (!room.atEnd) return { ...room, seq };
  return limited({ ...room, seq, items: [...room.items, item] });
}

/**
 * Somebody came, went or has another name: folded into one line with what came just before.
 * @param {Room} room
 * @param {Coming} coming
 * @param {number} time
 * @returns {Room}
 */
export function fold(room, coming, time) {
  if (!room.atEnd) return room;
  const last = room.items.at(-1);
  if (last?.kind === 'presence') {
    const comings = settle(last.comings, coming);
    const more = last.more + Math.max(0, comings.length - COMINGS_MAX);
    const items = room.items.slice(0, -1);
    if (comings.length > 0) items.push({ ...last, comings: comings.slice(-COMINGS_MAX), more, time });
    return { ...room, items };
  }
  const key = `c${time}${coming.nick}`;
  return limited({ ...room, items: [...room.items, { kind: 'presence', key, seq: null, comings: [coming], more: 0, time }] });
}

/**
 * Who came and went again at once is not worth a word.
 * @param {Coming[]} comings
 * @param {Coming} coming
 * @returns {Coming[]}
 */
function settle(comings, coming) {
  if (coming.what === 'renamed') {
    const index = comings.findLastIndex((other) => other.nick === coming.old && other.what === 'joined');
    if (index >= 0) return comings.with(index, { ...comings[index], nick: coming.nick });
    return [...comings, coming];
  }
  const index = comings.findLastIndex((other) => other.nick === coming.nick);
  if (index >= 0 && comings[index].what !== 'renamed' && comings[index].what !== coming.what) {
    return comings.toSpliced(index, 1);
  }
  return [...comings, coming];
}

/**
 * @param {Room} room
 * @returns {Room}
 */
function limited(room) {
  if (room.items.length <= WINDOW + SLACK) return room;
  // Who reads further up keeps what is read; the end is loaded again on the way down.
  if (!room.following) return { ...room, items: room.items.slice(0, -1), atEnd: false };
  return { ...room, items: room.items.slice(-WINDOW), atStart: false };
}

/**
 * A page of history came.
 * @param {Room} room
 * @param {Item[]} page oldest first
 * @param {'latest' | 'before' | 'after' | 'around'} where
 * @param {boolean} more there is further history in the direction asked for
 * @param {number} edge the line that was at the window's edge when the page was asked for
 * @returns {Room}
 */
export function merge(room, page, where, more, edge) {
  // Meanwhile the window may have been cut, or begun anew: the page would lie beside it, with a hole between.
  if (where === 'before' && edge !== firstSeq(room)) return room;
  if (where === 'after' && edge !== lastSeq(room)) return room;
  const known = new Set(page.map((item) => item.key));
  const others = room.items.filter((item) => !known.has(item.key));
  const last = page.at(-1)?.seq ?? 0;
  const seq = Math.max(room.seq, last);
  const base = { ...room, seq, loaded: true };
  if (where === 'before') {
    const items = [...page, ...others];
    const cut = items.length > WINDOW;
    return { ...base, items: items.slice(0, WINDOW), atStart: !more, atEnd: room.atEnd && !cut };
  }
  if (where === 'after') {
    const items = [...others, ...page];
    const cut = items.length > WINDOW;
    return { ...base, items: items.slice(-WINDOW), atStart: room.atStart && !cut, atEnd: !more && lastOf(items) >= seq };
  }
  const first = page.find((item) => item.seq !== null)?.seq ?? 0;
  const isJoined = where === 'latest' && room.atEnd && first > 0 && first <= lastSeq(room) + 1;
  if (isJoined) {
    const items = [...others.filter((item) => (item.seq ?? first) < first), ...page].slice(-WINDOW);
    return { ...base, items, atStart: room.atStart && items.length < WINDOW, atEnd: lastOf(items) >= seq };
  }
  return { ...base, items: page, atStart: !more, atEnd: last >= seq };
}

/** @param {Item[]} items */
function lastOf(items) {
  return items.findLast((item) => item.seq !== null)?.seq ?? 0;
}

/**
 * A new message counts as unread unless somebody is looking at it.
 * @param {Room} room
 * @param {Message} message
 * @param {boolean} seen
 * @param {boolean} mentioned
 * @returns {Room}
 */
export function count(room, message, seen, mentioned) {
  const seq = message.seq ?? room.read;
  if (message.own) return { ...room, read: Math.max(room.read, seq), unread: 0, mentions: 0, line: null };
  if (seen) return { ...room, read: Math.max(room.read, seq) };
  const line = room.unread === 0 && room.line === null ? room.read : room.line;
  return { ...room, unread: room.unread + 1, mentions: room.mentions + (mentioned ? 1 : 0), line };
}

/**
 * All of it was read, here or in another window.
 * @param {Room} room
 * @param {number} seq
 * @returns {Room}
 */
export function markRead(room, seq) {
  if (seq < room.read || (seq === room.read && room.unread === 0)) return room;
  const unread = seq >= room.seq ? 0 : Math.min(room.unread, room.seq - seq);
  return { ...room, read: seq, unread, mentions: unread === 0 ? 0 : room.mentions };
}
