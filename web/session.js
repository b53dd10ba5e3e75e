// What ties the connection to the state: says hello, loads history when it is wanted, sends what is on its way.

/** @import { Action, Incoming, Link, Message, Room, State } from './state/types.js' */
import { elapsed, now } from './clock.js';
import { Connection, Interrupted, Refused, webSocket } from './connection.js';
import { polling } from './polling.js';
import { next as nextPending, PASSING, restored } from './state/queue.js';
import { EMPTY, reduce } from './state/reduce.js';
import { firstSeq, itemOf, lastSeq, WINDOW } from './state/room.js';
import { messageId } from './state/words.js';
import { browser, tab } from './storage.js';

/** Events in a page of history. */
const PAGE = 120;
/** A refusal that passes by itself is tried again after this time. */
const PASSING_MS = 1_200;
/** Others are told of typing once in this time. */
const TYPING_MS = 3_000;
/** What came in a longer absence was missed, and is not announced as if it happened now. */
const LIVE_MS = 30_000;
/** A transport that worked when better ones did not is the first to be tried for as long. */
const CARRIER_MS = 15 * 60_000;
/** Pages of a room in which this user's name is looked for after an absence. */
const MISSED_PAGES_MAX = 5;
/** Rooms that a new tab joins again. */
const ROOMS_MAX = 50;

export class Session {
  /** @type {State} */
  state = EMPTY;
  #changed;
  #live;
  #connection;
  /** The pages of history that are on their way, one for a room. @type {Map<string, Promise<void>>} */
  #loads = new Map();
  /** Rooms whose people are asked for, or were just now. @type {Set<string>} */
  #asked = new Set();
  /** @type {'resume' | 'further' | 'fresh'} */
  #mode;
  #nickRefused = false;
  #takenOver = 0;
  #typed = -TYPING_MS;
  /** Up to which number of each room messages were missed in a long absence. @type {Map<string, number>} */
  #missed = new Map();
  #isScheduled = false;
  /** @type {Record<string, number>} */
  #reads = {};

  /**
   * @param {() => void} changed the state is another one; called at most once a frame
   * @param {(key: string, message: Message) => void} live somebody else said something just now
   */
  constructor(changed, live) {
    this.#changed = changed;
    this.#live = live;
    this.#mode = tab.get('session')?.token ? 'resume' : browser.get('user')?.token ? 'further' : 'fresh';
    // Relative to the page, which a proxy may have put below a path.
    const address = new URL('ws', location.href).href.replace(/^http/, 'ws');
    const carrier = tab.get('carrier');
    const left = carrier?.until - Date.now();
    // More than all of it is left where the clock was set back.
    const first = left > 0 && left <= CARRIER_MS ? carrier.name : '';
    this.#connection = new Connection([webSocket(address), polling(new URL('poll/', location.href).href)], {
      hello: () => this.#hello(),
      welcomed: (welcome, via, silence) => this.#welcomed(welcome, via, silence),
      refused: (error) => this.#refused(error),
      heard: (event) => this.#heard(event),
      changed: (link) => this.#link(link),
      ended: (closing) => this.#ended(closing),
    }, first);
  }

  /** Connects, with what was left from before. */
  start() {
    this.dispatch({ do: 'restore', pending: restored(tab.get('queue')) });
    this.#connection.connect();
    addEventListener('online', () => this.#connection.connect());
    addEventListener('offline', () => this.#connection.check());
    addEventListener('storage', (event) => { if (event.key === browser.key('reads')) this.#readElsewhere(); });
    setInterval(() => {
      const isAnybodyTyping = Object.values(this.state.rooms).some((room) => Object.keys(room.typing).length > 0);
      if (isAnybodyTyping) this.dispatch({ do: 'tick', elapsed: elapsed() });
    }, 1_000);
  }

  /** @param {Action} action */
  dispatch(action) {
    const before = this.state;
    this.state = reduce(before, action);
    if (this.state === before) return;
    if (this.state.pending !== before.pending) tab.set('queue', this.state.pending);
    this.#schedule();
  }

  #schedule() {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const settle = () => {
      this.#isScheduled = false;
      this.#settle();
      this.#changed();
    };
    // A hidden page has no frames, and its title still counts.
    if (document.visibilityState === 'visible') requestAnimationFrame(settle);
    else setTimeout(settle, 100);
  }

  /** @param {string} key */
  room(key) {
    return /** @type {Room | undefined} */ (this.state.rooms[key]);
  }

  retryNow() {
    this.#connection.connect();
  }

  check() {
    this.#connection.check();
  }

  /** @param {string} pass */
  givePass(pass) {
    browser.set('user', { ...browser.get('user'), pass });
    this.#connection.helloAgain();
  }

  /** @param {string} key @param {string} text @param {boolean} [action] */
  say(key, text, action = false) {
    this.#typed = -TYPING_MS;
    this.dispatch({ do: 'say', id: messageId(now()), key, text, action, now: now() });
    this.#pump();
  }

  /** @param {string} id */
  retry(id) {
    this.dispatch({ do: 'retry', id });
    this.#pump();
  }

  /** @param {string} id */
  discard(id) {
    this.dispatch({ do: 'discard', id });
    this.#pump();
  }

  /** Others see that somebody writes. @param {string} key */
  typing(key) {
    if (!key.startsWith('#') || elapsed() - this.#typed < TYPING_MS) return;
    this.#typed = elapsed();
    this.#connection.tell({ type: 'typing', room: key.slice(1) });
  }

  /** @param {string} nick @returns {Promise<void>} */
  async takeNick(nick) {
    const answer = await this.#connection.request({ type: 'nick', nick });
    this.dispatch({ do: 'nick', nick: answer.nick ?? nick });
    browser.set('user', { ...browser.get('user'), nick: answer.nick ?? nick, isChosen: true });
  }

  /** Joins a room, or makes it, and gives its key. @param {string} name @returns {Promise<string>} */
  async join(name) {
    const answer = await this.#connection.request({ type: 'join', room: name });
    const row = {
      room: answer.room ?? name, seq: answer.seq ?? 0, members: Number(answer.members ?? 0), topic: answer.topic ?? '',
    };
    this.dispatch({ do: 'joined', row, reads: this.#reads });
    this.#seeMissed(`#${row.room}`);
    this.#remember();
    return `#${row.room}`;
  }

  /** Leaves a room, under any name that means it, or closes a private conversation. @param {string} key */
  async leave(key) {
    const { room } = key.startsWith('#') ? await this.#connection.request({ type: 'leave', room: key.slice(1) }) : {};
    const left = room === undefined ? key : `#${room}`;
    this.dispatch({ do: 'left', key: left });
    // Whoever comes back later begins there anew.
    this.#reads = Object.fromEntries(Object.entries(this.#reads).filter(([name]) => `#${name}` !== left));
    this.#asked.delete(left);
    this.#remember();
  }

  /** Who is in a room. @param {string} room @returns {Promise<Incoming>} */
  members(room) {
    return this.#connection.request({ type: 'members', room });
  }

  /** @param {string} key @param {string} text */
  async setTopic(key, text) {
    const room = key.slice(1);
    const { seq, time } = await this.#connection.request({ type: 'topic', room, text });
    // The server tells the others, and answers us.
    this.dispatch({ do: 'event', event: { type: 'topic', room, seq, time, from: this.state.me, text }, now: now(), elapsed: elapsed() });
  }

  /** @returns {Promise<Incoming>} */
  rooms() {
    return this.#connection.request({ type: 'rooms' });
  }

  /** @param {string} room @param {string} query @param {number} [before] @returns {Promise<Incoming>} */
  search(room, query, before) {
    return this.#connection.request({ type: 'search', room, query, limit: 30, ...(before ? { before } : {}) });
  }

  /** Older history, if there is any. @param {string} key */
  loadBefore(key) {
    const room = this.room(key);
    if (!room?.loaded || room.atStart || room.isPerson) return;
    this.#load(key, 'before', firstSeq(room));
  }

  /** Newer history, if the window does not reach the end. @param {string} key */
  loadAfter(key) {
    const room = this.room(key);
    if (!room?.loaded || room.atEnd || room.isPerson) return;
    this.#load(key, 'after', lastSeq(room));
  }

  /** The history around a message. @param {string} key @param {number} seq */
  async loadAround(key, seq) {
    // What is on its way goes first; it may even have the place.
    await this.#loads.get(key);
    const room = this.room(key);
    if (!room || room.items.some((item) => item.seq === seq)) return;
    this.dispatch({ do: 'following', key, following: false });
    await this.#load(key, 'around', seq + PAGE / 2);
  }

  /** The end of the history, from wherever the window is. @param {string} key */
  loadLatest(key) {
    const room = this.room(key);
    if (room && !room.atEnd) this.dispatch({ do: 'reload', key });
  }

  /**
   * @param {string} key
   * @param {'latest' | 'before' | 'after' | 'around'} where
   * @param {number} edge the line where the page begins or ends; of the latest there is none
   * @returns {Promise<void>}
   */
  #load(key, where, edge) {
    if (this.#loads.has(key) || !this.#connection.isOpen) return Promise.resolve();
    const load = this.#fetch(key, where, edge).then((goesOn) => {
      this.#loads.delete(key);
      // Something else may be wanted by now, and what came may not have fitted any more.
      if (goesOn) this.#schedule();
    });
    this.#loads.set(key, load);
    return load;
  }

  /**
   * @param {string} key
   * @param {'latest' | 'before' | 'after' | 'around'} where
   * @param {number} edge
   * @returns {Promise<boolean>} whether it is worth looking for what is still missing
   */
  async #fetch(key, where, edge) {
    const range = where === 'latest' ? {} : where === 'after' ? { after: edge } : { before: edge };
    try {
      const page = await this.#connection.request({ type: 'history', room: key.slice(1), limit: PAGE, ...range });
      this.dispatch({ do: 'page', key, page, where, edge });
      return true;
    } catch (error) {
      // Other refusals stay the same however often one asks.
      if (!(error instanceof Refused) || error.code !== 'rate_limited') return false;
      await pause(PASSING_MS);
      return true;
    }
  }

  /** Finds out what of a room's unread messages is meant for this user. @param {string} key */
  async #seeMissed(key) {
    const from = this.room(key)?.read ?? 0;
    if (this.room(key)?.loaded || (this.room(key)?.unread ?? 0) === 0) return;
    try {
      /** @type {Incoming[]} */
      const events = [];
      let more = true;
      for (let page = 0; more && page < MISSED_PAGES_MAX; page += 1) {
        const after = events.at(-1)?.seq ?? from;
        const answer = await this.#connection.request({ type: 'history', room: key.slice(1), limit: PAGE, after });
        events.push(...(answer.events ?? []));
        more = answer.more === true && (answer.events ?? []).length > 0;
      }
      this.dispatch({ do: 'missed', key, page: { type: 'history', events, more }, from });
    } catch {
      // The number of what is unread is known.
    }
  }

  /** What follows from the state as it is now: the current room is loaded up to its end, and its people are known. */
  #settle() {
    const room = this.room(this.state.current);
    if (room?.joined && !room.isPerson && this.#connection.isOpen) {
      const missing = room.seq - lastSeq(room);
      if (!room.loaded || (!room.atEnd && room.following && missing > WINDOW)) this.#load(room.key, 'latest', 0);
      else if (!room.atEnd && room.following) this.#load(room.key, 'after', lastSeq(room));
      if ((room.people === null || room.isStale) && !this.#asked.has(room.key)) this.#people(room.key);
    }
    this.#keepReads();
  }

  /** @param {string} key */
  async #people(key) {
    this.#asked.add(key);
    try {
      const people = await this.#connection.request({ type: 'members', room: key.slice(1) });
      this.dispatch({ do: 'people', key, people });
    } catch {
      // The count is known, and the list comes with the next opening.
    } finally {
      // In a large room the list would be asked for with each change: it may be some seconds old.
      setTimeout(() => {
        if (this.#asked.delete(key) && this.room(key)?.isStale) this.#schedule();
      }, 5_000);
    }
  }

  #hello() {
    const user = browser.get('user') ?? {};
    const pass = user.pass ? { pass: user.pass } : {};
    const nick = user.nick && user.isChosen && !this.#nickRefused ? { nick: user.nick } : {};
    if (this.#mode === 'fresh') return { ...nick, ...pass };
    if (this.#mode === 'further') return { ...nick, ...pass, token: user.token, as: 'new' };
    /** @type {Record<string, number>} */
    const resume = {};
    for (const room of Object.values(this.state.rooms)) {
      if (room.joined && !room.isPerson && room.loaded && room.atEnd) resume[room.name] = lastSeq(room);
    }
    return { ...nick, ...pass, token: tab.get('session')?.token, resume };
  }

  /** @param {Incoming} welcome @param {string} via @param {number} silence how long nothing was heard before it */
  #welcomed(welcome, via, silence) {
    this.#missed = new Map(silence > LIVE_MS ? (welcome.rooms ?? []).map((row) => [row.room, row.seq]) : []);
    // Where WebSockets are blocked, the next page of this tab need not find it out again.
    tab.set('carrier', via === 'websocket' ? null : { name: via, until: Date.now() + CARRIER_MS });
    this.#mode = 'resume';
    this.#nickRefused = false;
    this.#asked.clear();
    tab.set('session', { token: welcome.token });
    browser.set('user', { ...browser.get('user'), token: welcome.token });
    const kept = browser.get('reads');
    this.#reads = kept?.epoch === welcome.epoch ? kept.rooms : {};
    this.dispatch({ do: 'welcome', welcome, via, reads: this.#reads });
    const joined = new Set((welcome.rooms ?? []).map((row) => row.room));
    const known = Object.values(this.state.rooms).filter((room) => room.joined && !room.isPerson).map((room) => room.name);
    const wanted = new Set([...(browser.get('rooms') ?? []), ...known].slice(0, ROOMS_MAX));
    // The connection counts as open only after this, and the rooms come before the messages for them.
    queueMicrotask(async () => {
      // The answer says what time it is.
      this.#connection.request({ type: 'ping' }).catch(() => {});
      for (const name of joined) this.#seeMissed(`#${name}`);
      await Promise.all([...wanted].filter((name) => !joined.has(name)).map((name) => this.join(name).catch(() => {})));
      this.#settle();
      this.#pump();
    });
  }

  /** @param {Incoming} error @returns {'again' | 'wait'} */
  #refused(error) {
    switch (error.code) {
      case 'nick_taken':
      case 'nick_invalid':
        if (this.#nickRefused) return 'wait';
        this.#nickRefused = true;
        return 'again';
      case 'too_many_sessions':
        if (this.#mode === 'fresh') return 'wait';
        this.#mode = 'fresh';
        return 'again';
      case 'pass_wrong':
        browser.set('user', { ...browser.get('user'), pass: undefined });
        return 'wait';
      default:
        return 'wait';
    }
  }

  /** @param {Incoming} closing @returns {'again' | 'stay'} */
  #ended(closing) {
    // A copy of this tab has the same token: it keeps that session, and this tab goes on with one of its own.
    if (closing.code === 'taken_over' && this.#takenOver < 3) {
      this.#takenOver += 1;
      this.#mode = 'further';
      return 'again';
    }
    return 'stay';
  }

  /** @param {Incoming} event */
  #heard(event) {
    const isNew = event.seq === undefined || event.seq > (this.room(`#${event.room}`)?.seq ?? 0);
    this.dispatch({ do: 'event', event, now: now(), elapsed: elapsed() });
    if (event.type !== 'message' || !isNew || event.own) return;
    const item = itemOf(event, this.state.me.nick);
    const wasMissed = event.room !== undefined && (event.seq ?? 0) <= (this.#missed.get(event.room) ?? -1);
    if (item?.kind !== 'message' || item.own || wasMissed) return;
    this.#live(event.room === undefined ? `@${event.from.nick}` : `#${event.room}`, item);
  }

  /** @param {Link} link */
  #link(link) {
    this.dispatch({ do: 'link', link });
  }

  /** Sends the next message, if none is under way. */
  async #pump() {
    const message = nextPending(this.state.pending);
    if (!message || !this.#connection.isOpen) return;
    const { id, key, text, action } = message;
    this.dispatch({ do: 'sending', id });
    const target = key.startsWith('@') ? { to: key.slice(1) } : { room: key.slice(1) };
    try {
      const answer = await this.#connection.request({ type: 'message', ...target, text, id, ...(action ? { action } : {}) });
      this.dispatch({ do: 'stored', id, seq: answer.seq ?? null, time: answer.time ?? '' });
    } catch (error) {
      if (error instanceof Interrupted) return;
      const code = error instanceof Refused ? error.code : 'internal';
      this.dispatch({ do: 'refused', id, code, reason: error instanceof Error ? error.message : '' });
      if (PASSING.includes(code)) await pause(PASSING_MS);
    }
    this.#pump();
  }

  #remember() {
    const rooms = Object.values(this.state.rooms).filter((room) => room.joined && !room.isPerson);
    browser.set('rooms', rooms.map((room) => room.name));
  }

  #keepReads() {
    let isChanged = false;
    for (const room of Object.values(this.state.rooms)) {
      if (!room.isPerson && room.joined && room.read > (this.#reads[room.name] ?? -1)) {
        this.#reads = { ...this.#reads, [room.name]: room.read };
        isChanged = true;
      }
    }
    if (isChanged) browser.set('reads', { epoch: this.state.epoch, rooms: this.#reads });
  }

  #readElsewhere() {
    const kept = browser.get('reads');
    if (kept?.epoch !== this.state.epoch) return;
    for (const [name, seq] of Object.entries(kept.rooms)) this.dispatch({ do: 'read', key: `#${name}`, seq: Number(seq) });
  }
}

/** @param {number} ms */
function pause(ms) {
  return new Promise((resolve) => { setTimeout(resolve, ms); });
}
