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
 *   message?: string, events?: Incoming[], more?: boolean, rooms?: RoomRow[], nick?: string, session?: string,
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
 * A room or a private conversation. Its `items` are a window onto the history without holes: at most a few hundred,
 * however long the history is.
 * @typedef {{
 *   key: string, name: string, isPerson: boolean, joined: boolean, topic: string, members: number,
 *   people: Member[] | null, seq: number, items: Item[], loaded: boolean, atStart: boolean, atEnd: boolean,
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
 * @typedef {{ phase: Phase, since: number, reason: string, retryAt: number }} Link
 */

/**
 * @typedef {{
 *   link: Link, me: From, epoch: string, limits: Limits | null,
 *   current: string, attentive: boolean, rooms: Record<string, Room>, order: string[], pending: Pending[],
 *   seenVia: Record<string, string>,
 * }} State
 */

export {};
