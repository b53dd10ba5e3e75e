// One row of a conversation as elements.

/** @import { Inline, LineRow, Message, MessageRow, Room, Row } from '../state/types.js' */
import { now } from '../clock.js';
import { comingsInWords } from '../state/layout.js';
import { mentions, parse } from '../state/markup.js';
import { ago, beginning, dayInWords, exactTime, hueOf, plain, timeOfDay, viaInWords } from '../state/words.js';
import { h, jack } from './dom.js';

/** Longer messages are folded. */
const FOLD_CHARS = 1_600;
const FOLD_LINES = 16;
/** Of a folded message, what is shown. */
const SHOWN_CHARS = 700;

/**
 * What makes two rows look different.
 * @param {Row} row
 * @param {string} me
 */
export function signature(row, me) {
  if (row.type === 'message') {
    return `${row.first}|${row.pending?.state ?? ''}|${row.pending?.reason ?? ''}|${row.item.seq}|${me}`;
  }
  if (row.type === 'line' && row.item.kind === 'presence') return `${row.item.comings.length}|${row.item.time}`;
  // Today is yesterday at midnight.
  return row.type === 'day' ? dayInWords(row.time, now()) : '';
}

/**
 * @param {Row} row
 * @param {Room} room
 * @param {string} me
 * @param {{ retry(id: string): void, discard(id: string): void }} session
 * @returns {HTMLElement}
 */
export function draw(row, room, me, session) {
  switch (row.type) {
    case 'start': return start(room);
    case 'day': return h('div', { class: 'rule day' }, h('span', null, dayInWords(row.time, now())));
    case 'unread': return h('div', { class: 'rule unread' }, h('span', null, 'New'));
    case 'line': return line(row);
    case 'message': return message(row, me, session);
  }
}

/** @param {Room} room */
function start(room) {
  return h('div', { class: 'start' }, h('p', null, 'This is the beginning of ', h('b', null, h('bdi', null, `#${room.name}`)), '.'));
}

/** @param {LineRow} row */
function line({ item }) {
  if (item.kind === 'notice') return h('p', { class: 'line' }, item.text);
  const time = h('time', { datetime: new Date(item.time).toISOString() }, timeOfDay(item.time));
  if (item.kind === 'presence') return h('p', { class: 'line' }, time, comingsInWords(item.comings, item.more));
  const said = item.text === '' ? ' cleared the topic' : ' set the topic: ';
  const topic = item.text === '' ? '' : h('span', { dir: 'auto', class: 'isolated' }, item.text);
  return h('p', { class: 'line' }, time, h('bdi', null, item.from.nick), said, topic);
}

/**
 * @param {MessageRow} row
 * @param {string} me
 * @param {{ retry(id: string): void, discard(id: string): void }} session
 */
function message(row, me, session) {
  const { item, first, pending } = row;
  const isMention = !item.own && mentions(item.text, me);
  const names = ['message', first ? 'first' : '', `hue-${hueOf(item.from.nick)}`, item.own ? 'own' : '',
    item.action ? 'action' : '', isMention ? 'mention' : '', pending ? pending.state : ''];
  const article = h('article', {
    class: names.filter((name) => name !== '').join(' '), tabindex: '-1', 'aria-label': label(item, pending?.state),
    'data-key': row.key, 'data-seq': item.seq,
  });
  const time = h('time', { datetime: new Date(item.time).toISOString() }, timeOfDay(item.time));
  if (item.action) {
    article.append(jackOf(item), time, h('div', { class: 'body' }, h('bdi', { class: 'author' }, item.from.nick), ' ',
      h('span', { class: 'isolated', dir: 'auto' }, ...flat(item.text, me))));
  } else {
    if (first) {
      const via = h('span', { class: 'via' }, pending ? 'sending' : viaShort(item.from.via));
      article.append(h('div', { class: 'meta' }, jackOf(item), h('bdi', { class: 'author' }, item.from.nick), via, time));
    } else {
      article.append(time);
    }
    article.append(body(item.text, me));
  }
  if (pending?.state === 'failed') {
    article.append(h('div', { class: 'failure' },
      h('span', null, `Not sent: ${pending.reason || 'the server refused it'}.`),
      h('button', { type: 'button', onclick: () => session.retry(pending.id) }, 'Try again'),
      h('button', { type: 'button', onclick: () => session.discard(pending.id) }, 'Discard')));
  }
  return article;
}

/** @param {Message} item */
function jackOf(item) {
  return jack(item.from.via, `by ${viaInWords(item.from.via)}`);
}

/** @param {string} via */
function viaShort(via) {
  return via === 'websocket' ? 'ws' : via;
}

/**
 * @param {Message} item
 * @param {string | undefined} state
 */
function label(item, state) {
  const text = plain(beginning(item.text, 300));
  const words = item.action ? `${item.from.nick} ${text}` : `${item.from.nick}: ${text}`;
  const where = state === 'failed' ? 'not sent' : state ? 'sending' : `by ${viaInWords(item.from.via)}`;
  return `${words}, ${timeOfDay(item.time)}, ${where}`;
}

/**
 * @param {string} text
 * @param {string} me
 */
function body(text, me) {
  const element = h('div', { class: 'body' });
  const isLong = text.length > FOLD_CHARS || text.split('\n', FOLD_LINES + 1).length > FOLD_LINES;
  if (!isLong) {
    element.append(...blocks(text, me));
    return element;
  }
  // Half a character at the cut would be shown as none.
  const shorter = text.split('\n').slice(0, FOLD_LINES - 4).join('\n').slice(0, SHOWN_CHARS).replace(/[\uD800-\uDBFF]$/, '');
  const shown = `${shorter}…`;
  const fold = (/** @type {boolean} */ isFolded) => {
    const button = h('button', { class: 'fold', type: 'button', 'aria-expanded': String(!isFolded) },
      isFolded ? `Show all (${text.length.toLocaleString()} characters)` : 'Show less');
    button.onclick = () => {
      fold(!isFolded);
      element.querySelector('button')?.focus();
    };
    element.replaceChildren(...blocks(isFolded ? shown : text, me), button);
  };
  fold(true);
  return element;
}

/**
 * @param {string} text
 * @param {string} me
 * @returns {HTMLElement[]}
 */
function blocks(text, me) {
  return parse(text, me).map((block) => {
    if (block.type === 'block') return h('pre', { tabindex: '0', dir: 'ltr' }, h('code', null, block.text));
    return h(block.type === 'quote' ? 'blockquote' : 'p', { dir: 'auto' }, ...block.parts.map(inline));
  });
}

/**
 * @param {string} text
 * @param {string} me
 */
function flat(text, me) {
  return parse(text, me).flatMap((block) => (block.type === 'block' ? [h('code', null, block.text)] : block.parts.map(inline)));
}

/** @param {Inline} part @returns {Node} */
function inline(part) {
  switch (part.type) {
    case 'text': return document.createTextNode(part.text);
    case 'code': return h('code', null, part.text);
    case 'emphasis': return h('em', null, ...part.parts.map(inline));
    case 'mention': return h('span', { class: part.me ? 'name me' : 'name' }, part.text);
    case 'link': return h('a', { href: part.url, title: hostOf(part.url), rel: 'noopener noreferrer nofollow', target: '_blank', dir: 'ltr' }, part.text);
  }
}

/** The host of an address whose letters may look like others, as it really is. @param {string} url */
function hostOf(url) {
  const { host } = new URL(url);
  return /(^|\.)xn--/.test(host) ? host : null;
}

/**
 * The whole time, and how long ago it was, for whoever points at it.
 * @param {HTMLTimeElement} element
 */
export function explainTime(element) {
  const time = Date.parse(element.dateTime);
  element.title = `${exactTime(time)} (${ago(time, now())})`;
}
