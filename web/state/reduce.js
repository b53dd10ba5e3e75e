// All that the page knows, and how each thing that happens changes it. Pure: the same state and action give the same.

/** @import { Action, Incoming, Member, Room, State } from './types.js' */
import { mentions } from './markup.js';
import * as queue from './queue.js';
import { append, count, emptyRoom, fold, itemOf, markRead, merge } from './room.js';

/** Somebody who typed is shown as typing for as long. */
export const TYPING_MS = 5_000;
/** People of a room that are kept; of more there is only the count. */
const PEOPLE_MAX = 500;

/** @type {State} */
export const EMPTY = {
  link: { phase: 'connecting', since: 0, reason: '' },
  me: { nick: '', session: '', via: 'websocket' }, epoch: '', limits: null, current: '', attentive: true,
  rooms: {}, order: [], pending: [], seenVia: {},
};

/**
 * @param {State} state
 * @param {Action} action
 * @returns {State}
 */
export function reduce(state, action) {
  switch (action.do) {
    case 'link': {
      const pending = action.link.phase === 'open' ? state.pending : queue.interrupted(state.pending);
      return { ...state, link: action.link, pending };
    }
    case 'welcome': return welcome(state, action.welcome, action.via, action.reads);
    case 'event': return event(state, action.event, action.now, action.elapsed);
    case 'page': return page(state, action.key, action.page, action.where, action.edge);
    case 'joined': return joined(state, action.row, action.reads);
    case 'missed': return missed(state, action.key, action.page, action.from);
    case 'left': return withoutRoom(state, action.key);
    case 'people': return people(state, action.key, action.people);
    case 'open': return open(state, action.key);
    case 'nick': return nick(state, action.nick);
    case 'attentive': return seen({ ...state, attentive: action.attentive });
    case 'following': {
      return seen(inRoom(state, action.key, (room) => ({ ...room, following: action.following })));
    }
    case 'read': return inRoom(state, action.key, (room) => markRead(room, action.seq));
    case 'reload': {
      return inRoom(state, action.key, (room) => (
        { ...room, items: [], loaded: room.isPerson, atEnd: room.isPerson, atStart: room.isPerson, following: true }));
    }
    case 'notice': {
      const item = /** @type {const} */ ({
        kind: 'notice', key: `n${action.now}${state.order.length}`, seq: null, text: action.text, time: action.now,
      });
      return inRoom(state, state.current, (room) => append(room, item));
    }
    case 'say': {
      const message = { id: action.id, key: action.key, text: action.text, action: action.action, at: action.now };
      const said = { ...state, pending: queue.add(state.pending, message) };
      return inRoom(said, action.key, (room) => ({ ...room, following: true, line: null }));
    }
    case 'restore': return { ...state, pending: action.pending };
    case 'sending': return { ...state, pending: queue.sending(state.pending, action.id) };
    case 'retry': return { ...state, pending: queue.retry(state.pending, action.id) };
    case 'discard': return { ...state, pending: queue.remove(state.pending, action.id) };
    case 'stored': return stored(state, action.id, action.seq, action.time);
    case 'refused': {
      return { ...state, pending: queue.refused(state.pending, action.id, action.code, action.reason) };
    }
    case 'tick': return tick(state, action.elapsed);
  }
}

/**
 * @param {State} state
 * @param {string} key
 * @param {(room: Room) => Room} change
 * @returns {State}
 */
function inRoom(state, key, change) {
  const room = state.rooms[key];
  if (!room) return state;
  const changed = change(room);
  return changed === room ? state : { ...state, rooms: { ...state.rooms, [key]: changed } };
}

/**
 * One's own new name: the server tells the others, and answers us.
 * @param {State} state
 * @param {string} nick
 * @returns {State}
 */
function nick(state, nick) {
  const old = state.me.nick;
  let next = { ...state, me: { ...state.me, nick } };
  for (const key of state.order) {
    next = inRoom(next, key, (room) => (room.people
      ? { ...room, people: sorted(room.people.map((one) => (one.nick === old ? { ...one, nick } : one))) } : room));
  }
  return next;
}

/**
 * The room under a key, which is made if there is none.
 * @param {State} state
 * @param {string} key
 * @returns {State}
 */
function withRoom(state, key) {
  if (state.rooms[key]) return state;
  return { ...state, rooms: { ...state.rooms, [key]: emptyRoom(key) }, order: [...state.order, key] };
}

/**
 * @param {State} state
 * @param {string} key
 * @returns {State}
 */
function withoutRoom(state, key) {
  const rooms = { ...state.rooms };
  delete rooms[key];
  const order = state.order.filter((other) => other !== key);
  const current = state.current === key ? (order[0] ?? '') : state.current;
  return { ...state, rooms, order, current };
}

/**
 * @param {State} before
 * @param {Incoming} welcome
 * @param {string} via by which transport one is here
 * @param {Record<string, number>} reads how far each room was read, by name
 * @returns {State}
 */
function welcome(before, welcome, via, reads) {
  const isNewLife = before.epoch !== '' && before.epoch !== welcome.epoch;
  let state = {
    ...before,
    me: { nick: welcome.nick ?? '', session: welcome.session ?? '', via },
    epoch: welcome.epoch ?? '', limits: welcome.limits ?? null,
  };
  if (isNewLife) {
    // Another history: none of the numbers mean anything any more.
    const rooms = Object.fromEntries(state.order.map((key) => [key, { ...emptyRoom(key), joined: state.rooms[key].joined }]));
    state = { ...state, rooms };
  }
  for (const row of welcome.rooms ?? []) {
    state = joined(state, row, reads);
    // What a resumed session missed follows by itself; anything else is loaded.
    state = inRoom(state, `#${row.room}`, (room) => (
      { ...room, atEnd: room.atEnd && (welcome.resumed === true || room.seq >= row.seq) }));
  }
  return state;
}

/**
 * @param {State} state
 * @param {{ room: string, seq: number, members: number, topic: string }} row
 * @param {Record<string, number>} reads how far each room was read, by name
 * @returns {State}
 */
function joined(state, row, reads) {
  const key = `#${row.room}`;
  return inRoom(withRoom(state, key), key, (before) => {
    const room = { ...before, joined: true, topic: row.topic, members: row.members, isStale: true };
    if (before.loaded) return room;
    const known = reads[row.room];
    // Whoever was never here missed nothing; another history has fewer numbers than were read.
    if (known === undefined || known > row.seq) return { ...room, seq: row.seq, read: before.joined ? before.read : row.seq };
    const unread = row.seq - known;
    return { ...room, seq: row.seq, read: known, unread, line: unread > 0 ? known : null };
  });
}

/**
 * What was said while one was away, as far as it is known: who is named in it, and what of it others said.
 * @param {State} state
 * @param {string} key
 * @param {Incoming} page
 * @param {number} from the number up to which everything was read when it was asked for
 * @returns {State}
 */
function missed(state, key, page, from) {
  const items = (page.events ?? []).map((event) => itemOf(event, state.me.nick));
  const others = items.filter((item) => item?.kind === 'message' && !item.own);
  const named = others.filter((item) => item?.kind === 'message' && mentions(item.text, state.me.nick));
  return inRoom(state, key, (room) => {
    if (room.read !== from || room.unread === 0) return room;
    const unread = Math.max(others.length, page.more ? room.unread : 0);
    if (unread === 0) return markRead(room, room.seq);
    // What one said oneself just before is not news.
    const line = (others[0]?.seq ?? from + 1) - 1;
    return { ...room, unread, line, read: line, mentions: Math.max(room.mentions, named.length) };
  });
}

/**
 * @param {State} state
 * @param {Incoming} event
 * @param {number} now what time it is
 * @param {number} elapsed by the clock that nobody sets
 * @returns {State}
 */
function event(state, event, now, elapsed) {
  const from = event.from;
  const next = from?.via && from.session !== state.me.session && state.seenVia[from.via] !== from.nick
    ? { ...state, seenVia: { ...state.seenVia, [from.via]: from.nick } } : state;
  switch (event.type) {
    case 'message': return message(next, event);
    case 'topic': return topic(next, event);
    case 'joined': return came(next, event, now);
    case 'left': return went(next, event, now);
    case 'renamed': return renamed(next, event, now);
    case 'members': return inRoom(next, `#${event.room}`, (room) => ({ ...room, members: event.count ?? 0, isStale: true }));
    case 'typing': {
      return inRoom(next, `#${event.room}`, (room) => (
        { ...room, typing: { ...room.typing, [from.nick]: elapsed + TYPING_MS } }));
    }
    case 'gap': {
      return inRoom(next, `#${event.room}`, (room) => ({ ...room, items: [], loaded: false, atEnd: false, atStart: false }));
    }
    default: return next;
  }
}

/**
 * @param {State} state
 * @param {Incoming} event
 * @returns {State}
 */
function message(state, event) {
  const isOwn = event.own === true || event.from?.session === state.me.session;
  const key = event.room !== undefined ? `#${event.room}` : `@${isOwn ? event.to : event.from?.nick}`;
  const item = itemOf(event, state.me.nick);
  if (item?.kind !== 'message' || key === '@undefined') return state;
  let next = withRoom(state, key);
  // What was on its way has come back as stored.
  if (item.id !== null) next = { ...next, pending: queue.remove(next.pending, item.id) };
  const isKnown = item.seq !== null && item.seq <= next.rooms[key].seq && next.rooms[key].loaded;
  const isSeen = state.attentive && state.current === key && next.rooms[key].following;
  const mentioned = key.startsWith('@') || mentions(item.text, state.me.nick);
  return inRoom(next, key, (room) => {
    const typing = { ...room.typing };
    delete typing[item.from.nick];
    const changed = append({ ...room, typing }, item);
    return isKnown ? changed : count(changed, item, isSeen, mentioned);
  });
}

/**
 * @param {State} state
 * @param {Incoming} event
 * @returns {State}
 */
function topic(state, event) {
  const item = itemOf(event, state.me.nick);
  if (!item) return state;
  return seen(inRoom(state, `#${event.room}`, (room) => append({ ...room, topic: event.text ?? '' }, item)));
}

/**
 * @param {State} state
 * @param {Incoming} event
 * @param {number} now
 * @returns {State}
 */
function came(state, event, now) {
  const { nick, via } = event.from;
  return inRoom(state, `#${event.room}`, (room) => {
    const others = room.people?.filter((member) => member.nick !== nick);
    const people = others ? sorted([...others, { nick, via: [via] }]) : null;
    const members = typeof event.members === 'number' ? event.members : room.members;
    return fold({ ...room, members, people }, { nick, what: 'joined', via, old: null }, Date.parse(event.time ?? '') || now);
  });
}

/**
 * @param {State} state
 * @param {Incoming} event
 * @param {number} now
 * @returns {State}
 */
function went(state, event, now) {
  const { nick, via } = event.from;
  return inRoom(state, `#${event.room}`, (room) => {
    const people = room.people?.filter((member) => member.nick !== nick) ?? null;
    const members = typeof event.members === 'number' ? event.members : room.members;
    const typing = { ...room.typing };
    delete typing[nick];
    const changed = { ...room, members, people, typing };
    return fold(changed, { nick, what: 'left', via, old: null }, Date.parse(event.time ?? '') || now);
  });
}

/**
 * @param {State} state
 * @param {Incoming} event
 * @param {number} now
 * @returns {State}
 */
function renamed(state, event, now) {
  const { nick, via } = event.from;
  const old = event.old ?? '';
  const isMe = old === state.me.nick;
  const next = isMe ? { ...state, me: { ...state.me, nick } } : state;
  const changed = inRoom(next, `#${event.room}`, (room) => {
    const people = room.people ? sorted(room.people.map((one) => (one.nick === old ? { ...one, nick } : one))) : null;
    return fold({ ...room, people }, { nick, what: 'renamed', via, old }, Date.parse(event.time ?? '') || now);
  });
  const [from, to] = [`@${old}`, `@${nick}`];
  if (!changed.rooms[from] || changed.rooms[to]) return changed;
  // The conversation with somebody goes on under the new name.
  const rooms = { ...changed.rooms, [to]: { ...changed.rooms[from], key: to, name: nick } };
  delete rooms[from];
  const pending = changed.pending.map((one) => (one.key === from ? { ...one, key: to } : one));
  const order = changed.order.map((key) => (key === from ? to : key));
  return { ...changed, rooms, order, pending, current: changed.current === from ? to : changed.current };
}

/**
 * @param {State} state
 * @param {string} key
 * @param {Incoming} page
 * @param {'latest' | 'before' | 'after' | 'around'} where
 * @param {number} edge
 * @returns {State}
 */
function page(state, key, page, where, edge) {
  const items = (page.events ?? []).map((event) => itemOf(event, state.me.nick)).filter((item) => item !== null);
  const arrived = new Set(items.map((item) => item.key));
  const pending = state.pending.filter((message) => !arrived.has(message.id));
  const next = pending.length < state.pending.length ? { ...state, pending } : state;
  return seen(inRoom(next, key, (room) => merge(room, items, where, page.more === true, edge)));
}

/**
 * @param {State} state
 * @param {string} key
 * @param {Incoming} answer
 * @returns {State}
 */
function people(state, key, answer) {
  /** @type {Member[]} */
  const list = (answer.members ?? []).slice(0, PEOPLE_MAX).map((/** @type {any} */ one) => (
    { nick: one.nick, via: [...new Set(one.sessions.map((/** @type {any} */ session) => session.via))] }));
  const seenVia = { ...state.seenVia };
  for (const { nick, via } of list) for (const one of via) if (nick !== state.me.nick) seenVia[one] ??= nick;
  return inRoom({ ...state, seenVia }, key, (room) => ({ ...room, people: sorted(list), isStale: false, members: answer.count ?? list.length }));
}

/** @param {Member[]} people */
function sorted(people) {
  return people.slice(0, PEOPLE_MAX).sort((one, other) => one.nick.localeCompare(other.nick));
}

/**
 * @param {State} state
 * @param {string} key
 * @returns {State}
 */
function open(state, key) {
  const next = withRoom(state, key);
  const left = inRoom(next, next.current, (room) => (room.key === key ? room : { ...room, line: null }));
  return seen(inRoom({ ...left, current: key }, key, (room) => {
    const line = room.unread > 0 ? room.read : room.line;
    // Whoever has something to read begins there, and the end is read when it is reached.
    return { ...room, line, following: room.unread === 0 };
  }));
}

/**
 * What is at the end of the room that somebody looks at is read.
 * @param {State} state
 * @returns {State}
 */
function seen(state) {
  if (!state.attentive) return state;
  return inRoom(state, state.current, (room) => {
    if (!room.following || !room.atEnd || !room.loaded) return room;
    // A private conversation has no numbers.
    return room.isPerson ? { ...room, unread: 0, mentions: 0 } : markRead(room, room.seq);
  });
}

/**
 * @param {State} state
 * @param {string} id
 * @param {number | null} seq
 * @param {string} time
 * @returns {State}
 */
function stored(state, id, seq, time) {
  const message = state.pending.find((one) => one.id === id);
  const next = { ...state, pending: queue.remove(state.pending, id) };
  if (!message) return next;
  const item = /** @type {const} */ ({
    kind: 'message', key: id, seq, id, from: state.me,
    text: message.text, action: message.action, time: Date.parse(time) || message.at, own: true,
    to: message.key.startsWith('@') ? message.key.slice(1) : null,
  });
  return inRoom(next, message.key, (room) => count(append(room, item), item, true, false));
}

/**
 * Whoever stopped typing is not shown any more.
 * @param {State} state
 * @param {number} elapsed
 * @returns {State}
 */
function tick(state, elapsed) {
  let next = state;
  for (const key of state.order) {
    next = inRoom(next, key, (room) => {
      const typing = Object.entries(room.typing).filter(([, until]) => until > elapsed);
      return typing.length === Object.keys(room.typing).length ? room : { ...room, typing: Object.fromEntries(typing) };
    });
  }
  return next;
}
