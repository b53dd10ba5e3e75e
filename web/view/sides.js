// The two side bars: rooms and conversations on the left, the members of the room on the right.

/** @import { Room, State } from '../state/types.js' */
/** @import { App } from '../app.js' */
import { hueOf, plural, viaInWords } from '../state/words.js';
import { find, h, icon, jack } from './dom.js';

/** Members that are drawn; of more there is the count. */
const DRAWN_MAX = 150;

export class Sides {
  #app;
  #rooms = find('room-list');
  #private = find('private-list');
  #me = find('me');
  #side = find('side');
  #drawn = { rooms: '', people: '', me: '' };

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
    const join = find('join');
    join.append(icon('plus'), 'Join or create');
    join.addEventListener('click', () => app.show('join'));
  }

  /** @param {State} state */
  render(state) {
    this.#renderRooms(state);
    this.#renderMe(state);
    this.#renderPeople(state);
  }

  /** @param {State} state */
  #renderRooms(state) {
    const rooms = state.order.map((key) => state.rooms[key]);
    const its = rooms.map((room) => `${room.key} ${room.unread} ${room.mentions}`).join('\n') + state.current;
    if (its === this.#drawn.rooms) return;
    this.#drawn.rooms = its;
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.room : undefined;
    this.#rooms.replaceChildren(...rooms.filter((room) => !room.isPerson).map((room) => this.#row(room, state)));
    const people = rooms.filter((room) => room.isPerson);
    this.#private.replaceChildren(...people.map((room) => this.#row(room, state)));
    find('people-part').hidden = people.length === 0;
    if (focused !== undefined) {
      document.querySelectorAll('[data-room]').forEach((link) => {
        if (link instanceof HTMLElement && link.dataset.room === focused) link.focus();
      });
    }
  }

  /** @param {Room} room @param {State} state */
  #row(room, state) {
    const isCurrent = room.key === state.current;
    const count = room.mentions > 0 ? plural(room.mentions, 'mention') : plural(room.unread, 'new message');
    return h('li', null, h('a', {
      class: `row ${room.unread > 0 ? 'unread' : ''} ${room.isPerson ? `hue-${hueOf(room.name)}` : ''}`,
      href: this.#app.addressOf(room.key), 'data-room': room.key, 'aria-current': isCurrent ? 'page' : null,
    }, h('span', { class: 'sign', 'aria-hidden': 'true' }, room.isPerson ? '@' : '#'), h('bdi', { class: 'cut' }, room.name),
      room.unread > 0 && h('span', { class: `number ${room.mentions > 0 ? 'mention' : ''}` },
        h('span', { 'aria-hidden': 'true' }, room.unread > 999 ? '999+' : String(room.unread)), h('span', { class: 'unseen' }, `, ${count}`))));
  }

  /** @param {State} state */
  #renderMe(state) {
    const its = `${state.me.nick} ${state.me.via} ${state.link.phase} ${this.#app.theme} ${this.#app.notices.isOn} ${this.#app.notices.isPossible}`;
    if (its === this.#drawn.me) return;
    this.#drawn.me = its;
    const { nick, via } = state.me;
    const name = h('button', { type: 'button', class: `row hue-${hueOf(nick)}`, title: `Change your name; you are here by ${viaInWords(via)}`, onclick: () => this.#app.editName() },
      jack(via, ''), h('bdi', { class: 'cut author' }, nick || '…'));
    const theme = h('button', { type: 'button', class: 'tool', 'aria-label': `Theme: ${this.#app.theme}`, title: `Theme: ${this.#app.theme}`, onclick: () => this.#app.nextTheme() }, icon('sun'));
    const bell = this.#app.notices.isPossible && h('button', {
      type: 'button', class: 'tool', 'aria-pressed': String(this.#app.notices.isOn), 'aria-label': 'Notify me of mentions',
      title: 'Notify me of mentions', onclick: () => this.#app.toggleNotifications(),
    }, icon('bell'));
    const help = h('button', { type: 'button', class: 'tool', 'aria-label': 'Help', title: 'Help (?)', onclick: () => this.#app.show('help') }, icon('help'));
    this.#me.replaceChildren(name, bell || '', theme, help);
  }

  /** @param {State} state */
  #renderPeople(state) {
    const room = state.rooms[state.current];
    const people = room?.people ?? [];
    const its = `${room?.key} ${room?.members} ${people.map((one) => one.nick + one.via).join()} ${state.me.nick}`;
    if (its === this.#drawn.people) return;
    this.#drawn.people = its;
    const close = h('button', { type: 'button', class: 'tool narrow', 'aria-label': 'Close', onclick: () => this.#app.slide('') }, icon('close'));
    const count = room && !room.isPerson ? h('span', { class: 'count' }, room.members.toLocaleString()) : '';
    const rows = people.slice(0, DRAWN_MAX).map(({ nick, via }) => {
      const isMe = nick === state.me.nick;
      const jacks = via.map((one) => jack(one, `by ${viaInWords(one)}`));
      const words = [h('span', { class: 'jacks' }, ...jacks), h('bdi', { class: 'cut author' }, nick), isMe && h('span', { class: 'you' }, 'you')];
      return h('li', null, isMe ? h('div', { class: `row hue-${hueOf(nick)}` }, ...words)
        : h('a', { class: `row hue-${hueOf(nick)}`, href: this.#app.addressOf(`@${nick}`), title: `Talk with ${nick} in private` }, ...words));
    });
    const rest = (room?.members ?? 0) - rows.length;
    this.#side.replaceChildren(h('header', { class: 'brand' }, h('h2', null, 'Members'), count, close),
      h('div', { class: 'scroll' }, h('ul', { 'aria-label': 'Members' }, ...rows),
        rest > 0 && rows.length > 0 && h('p', { class: 'line' }, `and ${rest.toLocaleString()} more`)));
  }
}
