// What stands above and around the conversation: the room's name and topic, the connection, who is typing, first words.

/** @import { State } from '../state/types.js' */
/** @import { App } from '../app.js' */
import { elapsed } from '../clock.js';
import { names } from '../state/layout.js';
import { plural } from '../state/words.js';
import { find, h, icon } from './dom.js';

/** A short cut is not worth a word. */
const BANNER_MS = 3_000;

export class Head {
  #app;
  #title = h('h1', { id: 'title', dir: 'auto' });
  #topic = h('button', { class: 'topic', type: 'button', title: 'Change the topic', dir: 'auto' });
  #badge = h('span', { class: 'badge', hidden: true });
  #banner = find('banner');
  #typing = find('typing');
  #welcome = find('welcome');
  #bannerWords = '';
  #welcomeKind = '';
  #timer = 0;

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
    const button = (/** @type {string} */ name, /** @type {string} */ words, /** @type {() => void} */ act, /** @type {string} */ names_) => (
      h('button', { type: 'button', class: `tool ${names_}`, 'aria-label': words, title: words, onclick: act }, icon(name)));
    const menu = button('menu', 'Rooms', () => app.slide('rooms'), 'phone');
    menu.append(this.#badge);
    const people = button('people', 'Members', () => app.slide('side'), 'narrow');
    this.#topic.addEventListener('click', () => app.editTopic());
    find('head').append(menu, h('div', { class: 'where' }, this.#title, this.#topic),
      h('div', { class: 'tools' },
        h('button', { type: 'button', class: 'tool plug', title: 'Plug in', 'aria-label': 'Plug in', onclick: () => app.show('plug') }, icon('plug'), h('span', { 'aria-hidden': 'true' }, 'Plug in')),
        button('wires', 'Wires', () => app.show('wires'), 'wide'), button('search', 'Search', () => app.show('search'), ''), people));
  }

  /** @param {State} state */
  render(state) {
    const room = state.rooms[state.current];
    const name = room ? (room.isPerson ? room.name : `#${room.name}`) : 'Switchboard';
    if (this.#title.textContent !== name) this.#title.textContent = name;
    const topic = room?.isPerson ? 'Private: not stored by the server' : room?.topic || 'Add a topic';
    if (this.#topic.textContent !== topic) this.#topic.textContent = topic;
    this.#topic.classList.toggle('none', !room?.topic);
    this.#topic.disabled = !room || room.isPerson;
    const elsewhere = Object.values(state.rooms).filter((one) => one.key !== state.current && one.unread > 0);
    this.#badge.hidden = elsewhere.length === 0;
    this.#showBanner(state);
    this.#showTyping(state);
    this.#showWelcome(state);
  }

  /** @param {State} state */
  #showBanner(state) {
    clearTimeout(this.#timer);
    const { link, pending } = state;
    const waiting = pending.filter((message) => message.state !== 'failed').length;
    let words = '';
    if (link.phase === 'ended') words = link.reason || 'The server ended this session.';
    // Before it begins to connect, nothing is away.
    if (link.since > 0 && (link.phase === 'waiting' || link.phase === 'connecting')) {
      const left = BANNER_MS - (elapsed() - link.since);
      if (left > 0) this.#timer = window.setTimeout(() => this.render(this.#app.session.state), left + 20);
      else {
        const what = waiting === 0 ? 'What you write now goes when it’s back.'
          : `${plural(waiting, 'message')} will go when it’s back.`;
        words = `${navigator.onLine ? 'Server away' : 'No network'}${link.reason ? ` (${link.reason})` : ''}. ${what}`;
      }
    }
    if (words === this.#bannerWords) return;
    this.#bannerWords = words;
    this.#banner.hidden = words === '';
    if (words === '') this.#banner.replaceChildren();
    else {
      this.#banner.replaceChildren(h('span', null, words),
        h('button', { type: 'button', onclick: () => this.#app.session.retryNow() }, 'Try now'));
    }
  }

  /** @param {State} state */
  #showTyping(state) {
    const nicks = Object.keys(state.rooms[state.current]?.typing ?? {}).filter((nick) => nick !== state.me.nick);
    const words = nicks.length === 0 ? '' : nicks.length > 3 ? 'Several people are typing…' : `${names(nicks)} ${nicks.length === 1 ? 'is' : 'are'} typing…`;
    if (this.#typing.textContent !== words) this.#typing.textContent = words;
  }

  /** The door's lock, or the question for a name. @param {State} state */
  #showWelcome(state) {
    const { link } = state;
    const kind = link.phase === 'locked' ? `lock ${link.reason} ${link.since}` : this.#app.wantsName(state) ? 'name' : '';
    if (kind === this.#welcomeKind) return;
    this.#welcomeKind = kind;
    this.#welcome.hidden = kind === '';
    find('composer').hidden = link.phase === 'locked';
    if (kind === '') this.#welcome.replaceChildren();
    else if (kind === 'name') this.#askName(state);
    else this.#askPass(link.reason);
  }

  /** @param {State} state */
  #askName(state) {
    const error = h('p', { class: 'error', role: 'alert', hidden: true });
    const input = h('input', {
      id: 'nick', type: 'text', autocomplete: 'nickname', enterkeyhint: 'done', dir: 'auto',
      maxlength: state.limits?.nick_chars ?? 32, placeholder: state.me.nick, spellcheck: 'false',
    });
    const form = h('form', { class: 'ask' }, h('label', { for: 'nick' }, 'What should people call you?'),
      h('div', { class: 'fields' }, input, h('button', { type: 'submit', class: 'main-button' }, 'Save'),
        h('button', { type: 'button', onclick: () => this.#app.keepGuestName() }, 'Stay a guest')), error);
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      if (input.value.trim() === '') return this.#app.keepGuestName();
      try {
        await this.#app.session.takeNick(input.value.trim());
        this.#app.focusComposer();
      } catch (reason) {
        error.hidden = false;
        error.textContent = reason instanceof Error ? reason.message : '';
      }
    });
    this.#welcome.replaceChildren(form);
    if (document.activeElement === document.body && window.matchMedia?.('(hover: hover)').matches) input.focus();
  }

  /** @param {string} reason */
  #askPass(reason) {
    if (reason !== 'pass_required' && reason !== 'pass_wrong') {
      this.#welcome.replaceChildren(h('div', { class: 'ask' }, h('p', null, `The server does not let you in (${reason}).`),
        h('div', { class: 'fields' }, h('button', { type: 'button', class: 'main-button', onclick: () => this.#app.session.retryNow() }, 'Try again'))));
      return;
    }
    const input = h('input', { id: 'pass', type: 'text', autocomplete: 'off', autocapitalize: 'characters', enterkeyhint: 'go', spellcheck: 'false' });
    const wrong = reason === 'pass_wrong' && h('p', { class: 'error', role: 'alert' }, 'That is not the code.');
    const form = h('form', { class: 'ask' }, h('label', { for: 'pass' }, 'This server asks for its join code'),
      h('div', { class: 'fields' }, input, h('button', { type: 'submit', class: 'main-button' }, 'Join')), wrong);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (input.value.trim() !== '') this.#app.session.givePass(input.value.trim());
    });
    this.#welcome.replaceChildren(form);
    input.focus();
  }
}
