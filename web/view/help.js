// Help: the keys and the commands.

/** @import { App } from '../app.js' */
import { COMMANDS } from '../state/commands.js';
import { h, jack, panel } from './dom.js';
import { viaInWords } from '../state/words.js';

const KEYS = [
  ['Enter', 'Send; with Shift a new line'], ['↑', 'Bring back what you sent'], ['Tab', 'Take a proposal: @nick #room :emoji: /command'],
  ['Alt + ↑ ↓', 'Room before, room after; with Shift the unread ones'], ['Ctrl + K', 'To a room'], ['Ctrl + Shift + F', 'Search'],
  ['F6', 'Rooms, conversation, message box, members'], ['↑ ↓', 'In the conversation: from message to message; Enter for what can be done'],
  ['Esc', 'To the newest message'], ['?', 'This help, outside the message box'],
];

/** @param {App} _app */
export function open(_app) {
  const keys = h('dl', { class: 'keys' }, ...KEYS.flatMap(([key, does]) => [h('dt', null, h('kbd', null, key)), h('dd', null, does)]));
  const commands = h('dl', { class: 'keys' }, ...COMMANDS.flatMap(({ name, wants, does }) => [h('dt', null, h('code', null, `/${name} ${wants}`.trim())), h('dd', null, does)]));
  const jacks = h('ul', { class: 'legend' }, ...['tcp', 'tls', 'udp', 'websocket', 'polling'].map((via) => h('li', null, jack(via, ''), viaInWords(via))));
  panel('Help', 'middle', h('h3', null, 'Keys'), keys, h('h3', null, 'Commands'), commands,
    h('h3', null, 'Writing'), h('p', null, '*emphasis*, `code`, ``` blocks of code ```, and > quotes at the beginning of a line.'),
    h('h3', null, 'By which socket'), jacks);
}
