// Times, hues and names in words.

/** Hues that nicks are told apart by; the style sheet has a colour for each. */
export const HUES = 12;

/** Transports in words, as people who listen to the page hear them. */
const VIA = /** @type {Record<string, string>} */ ({
  tcp: 'TCP', tls: 'TLS', udp: 'UDP', websocket: 'WebSocket', polling: 'long polling',
});

/** @param {string} via */
export function viaInWords(via) {
  return VIA[via] ?? via;
}

/**
 * The hue of a nick: the same everywhere (FNV-1a).
 * @param {string} nick
 */
export function hueOf(nick) {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(nick.toLowerCase())) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return ((hash ^ (hash >>> 15)) >>> 0) % HUES;
}

/** Marks that may stand on one letter; no script has as many. */
const MARKS_MAX = 8;

/**
 * A text for places where the page cannot keep it in its bounds: titles, notifications, labels. Without controls, marks
 * of direction, and towers of accents.
 * @param {string} text
 */
export function plain(text) {
  return text.replace(/[\u200E\u200F\u061C\u202A-\u202E\u2066-\u2069]|(?![\n\t])\p{Cc}/gu, '')
    .replace(new RegExp(`(\\p{M}{${MARKS_MAX}})\\p{M}+`, 'gu'), '$1');
}

/**
 * A name inside a sentence, whichever direction it is written in (Unicode FSI and PDI).
 * @param {string} name
 */
export function isolated(name) {
  return `\u2068${plain(name)}\u2069`;
}

/**
 * The beginning of a text, with whole characters.
 * @param {string} text
 * @param {number} length
 */
export function beginning(text, length) {
  return text.length <= length ? text : `${text.slice(0, length).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const date = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });

/** @param {number} time */
export const timeOfDay = (time) => clock.format(time);

/** @param {number} time */
export const exactTime = (time) => whole.format(time);

/**
 * @param {number} time
 * @param {number} now
 */
export function dayInWords(time, now) {
  const days = Math.round((startOfDay(now) - startOfDay(time)) / 86_400_000);
  if (days === 0) return 'Today';
  if (days === 1) return 'Yesterday';
  const year = new Date(time).getFullYear();
  return date.format(time) + (year === new Date(now).getFullYear() ? '' : ` ${year}`);
}

/** @param {number} time */
function startOfDay(time) {
  return new Date(time).setHours(0, 0, 0, 0);
}

/**
 * How long ago, for labels.
 * @param {number} time
 * @param {number} now
 */
export function ago(time, now) {
  const minutes = Math.floor((now - time) / 60_000);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return plural(minutes, 'minute') + ' ago';
  if (minutes < 24 * 60) return plural(Math.floor(minutes / 60), 'hour') + ' ago';
  return `${dayInWords(time, now)}, ${timeOfDay(time)}`;
}

/**
 * @param {number} count
 * @param {string} word
 */
export function plural(count, word) {
  return `${count.toLocaleString()} ${word}${count === 1 ? '' : 's'}`;
}

/** @param {number} bytes */
export function bytesInWords(bytes) {
  return bytes < 1024 ? `${bytes} B` : bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / 1048576).toFixed(1)} MB`;
}

const BASE32 = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/**
 * A name for a message that no other has: its time, and 80 random bits (a ULID). Works without a secure context.
 * @param {number} now
 */
export function messageId(now) {
  let text = '';
  for (let rest = now, digits = 10; digits > 0; digits -= 1, rest = Math.floor(rest / 32)) text = BASE32[rest % 32] + text;
  for (const byte of crypto.getRandomValues(new Uint8Array(16))) text += BASE32[byte % 32];
  return text;
}
