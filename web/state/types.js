// The shapes of everything the page knows. There is no code here: `tsc` reads it, the browser never loads it.

/**
 * Who did it, as the protocol says.
 * @typedef {{ nick: string, session: string, via: string }} From
 */

/**
 * An event or answer of the JSON protocol; docs/protocol.md says which members each type has.
 * @typedef {{
 *   type: string, ref?: string, room?: string, seq?: number, id?: string, from?: any, to?: any, text?: string,
 *   time?: string, action?: boolean, own?: boolean, old?: string, members?: any, count?: number, code?: string,
 *   message?: string, events?: Incoming[], more?: boolean, behind?: number, rooms?: RoomRow[], nick?: string, session?: string,
 *   token?: string, epoch?: string, resumed?: boolean, limits?: Limits, reconnect?: boolean, topic?: string,
 *   current?: string, why?: string, name?: string, args?: unknown[], duplicate?: boolean, query?: string,
 * }} Incoming
 */

/** @typedef {{ room: string, seq: number, members: number, topic: string }} RoomRow */

/**
 * @typedef {{
 *   message_chars: number, nick_chars: number, room_chars: number, topic_chars: number, history_limit: number,
 *   session_ttl_ms: number, [name: string]: number,
 * }} Limits
 */

/**
 * A line of a conversation. `time` is in milliseconds since 1970. What has no `seq` is not stored by the server.
 * @typedef {{
 *   kind: 'message', key: string, seq: number | null, id: string | null, from: From, text: string, action: boolean,
 *   time: number, own: boolean, to: string | null,
 * }} Message
 * @typedef {{ kind: 'topic', key: string, seq: number, from: From, text: string, time: number }} Topic
 * @typedef {{ nick: string, what: 'joined' | 'left' | 'renamed', via: string, old: string | null }} Coming
 * @typedef {{ kind: 'presence', key: string, seq: null, comings: Coming[], more: number, time: number }} Presence
 * @typedef {{ kind: 'notice', key: string, seq: null, text: string, time: number }} Notice
 * @typedef {Message | Topic | Presence | Notice} Item
 */

/** @typedef {{ nick: string, via: string[] }} Member */

/**
 * A room or a private conversation. Its `people` may be older than its count: then they are stale. Its `items` are a window onto the history without holes: at most a few hundred,
 * however long the history is.
 * @typedef {{
 *   key: string, name: string, isPerson: boolean, joined: boolean, topic: string, members: number,
 *   people: Member[] | null, isStale: boolean, seq: number, items: Item[], loaded: boolean, atStart: boolean, atEnd: boolean,
 *   following: boolean, read: number, unread: number, mentions: number, line: number | null,
 *   typing: Record<string, number>,
 * }} Room
 */

/**
 * A message on its way.
 * @typedef {{
 *   id: string, key: string, text: string, action: boolean, at: number,
 *   state: 'waiting' | 'sending' | 'failed', reason: string,
 * }} Pending
 */

/**
 * @typedef {'connecting' | 'open' | 'waiting' | 'locked' | 'ended'} Phase
 * Since when it is not open is told by `elapsed()`; 0: it is.
 * @typedef {{ phase: Phase, since: number, reason: string }} Link
 */

/**
 * @typedef {{
 *   link: Link, me: From, epoch: string, limits: Limits | null,
 *   current: string, attentive: boolean, rooms: Record<string, Room>, order: string[], pending: Pending[],
 *   seenVia: Record<string, string>,
 * }} State
 */

/**
 * What can happen to the state.
 * @typedef {{ do: 'link', link: Link }
 *   | { do: 'welcome', welcome: Incoming, via: string, reads: Record<string, number> }
 *   | { do: 'event', event: Incoming, now: number, elapsed: number }
 *   | { do: 'page', key: string, page: Incoming, where: 'latest' | 'before' | 'after' | 'around', edge: number }
 *   | { do: 'joined', row: { room: string, seq: number, members: number, topic: string }, reads: Record<string, number> }
   | { do: 'missed', key: string, page: Incoming, from: number }
 *   | { do: 'left', key: string }
 *   | { do: 'people', key: string, people: Incoming }
 *   | { do: 'open', key: string }
 *   | { do: 'nick', nick: string }
 *   | { do: 'attentive', attentive: boolean }
 *   | { do: 'following', key: string, following: boolean }
 *   | { do: 'read', key: string, seq: number }
 *   | { do: 'reload', key: string }
 *   | { do: 'notice', text: string, now: number }
 *   | { do: 'say', id: string, key: string, text: string, action: boolean, now: number }
 *   | { do: 'restore', pending: Pending[] }
 *   | { do: 'sending' | 'retry' | 'discard', id: string }
 *   | { do: 'stored', id: string, seq: number | null, time: string }
 *   | { do: 'refused', id: string, code: string, reason: string }
 *   | { do: 'tick', elapsed: number }} Action
 */

/**
 * A line of a conversation as it is shown.
 * @typedef {{ type: 'start', key: string }} StartRow
 * @typedef {{ type: 'day', key: string, time: number }} DayRow
 * @typedef {{ type: 'unread', key: string }} UnreadRow
 * @typedef {{ type: 'message', key: string, item: Message, first: boolean, pending: Pending | null }} MessageRow
 * @typedef {{ type: 'line', key: string, item: Topic | Presence | Notice }} LineRow
 * @typedef {StartRow | DayRow | UnreadRow | MessageRow | LineRow} Row
 */

/**
 * What people write, taken apart.
 * @typedef {{ type: 'text' | 'code', text: string }} Plain
 * @typedef {{ type: 'emphasis', text: string, parts: Inline[] }} Emphasis
 * @typedef {{ type: 'link', text: string, url: string }} Anchor
 * @typedef {{ type: 'mention', text: string, me: boolean }} Mention
 * @typedef {Plain | Emphasis | Anchor | Mention} Inline
 * @typedef {{ type: 'paragraph' | 'quote', parts: Inline[] }} Flow
 * @typedef {{ type: 'block', text: string }} Block
 */

/**
 * What somebody typed.
 * @typedef {{ do: 'say', text: string, action: boolean }
 *   | { do: 'tell', nick: string, text: string }
 *   | { do: 'nick' | 'join' | 'pass', word: string }
 *   | { do: 'topic', text: string }
 *   | { do: 'tell-topic' }
 *   | { do: 'leave' | 'rooms' | 'help' | 'search' | 'plug' | 'wires' | 'who', word: string }
 *   | { do: 'wrong', why: string }} Typed
 */

/**
 * A way of carrying messages to the server and back. A connection has a list of them, and tries the next when one lets
 * nothing through.
 * @typedef {{ send(text: string): void, close(): void }} Wire
 * @typedef {{ open(): void, message(text: string): void, closed(reason: string): void }} Hearer
 * @typedef {{ name: string, open(hearer: Hearer): Wire }} Transport
 */

/**
 * What the page wants to know of its connection.
 * @typedef {{
 *   hello(): Record<string, unknown>,
 *   welcomed(welcome: Incoming, via: string, silence: number): void,
 *   refused(error: Incoming): 'again' | 'wait',
 *   heard(event: Incoming): void,
 *   changed(link: Link): void,
 *   ended(closing: Incoming): 'again' | 'stay',
 * }} Owner
 */

/**
 * @typedef {{ id: string, via: string, protocol: string, address: string | null, nick: string | null, rooms: number, outbox_bytes: number,
 *   silent_ms: number, rtt_us: number | null }} LiveWire
 */

/** @typedef {{ id: string, name: string, via: string, line: string, note?: string }} PlugLine */

/** @typedef {{ urls: string[], text_port: number | null, join_code: boolean, wires: boolean }} About */

/** @typedef {{ insert: string, shown: string, note: string }} Proposal */

export {};
