// The page: puts the state on the screen and what people do into the state; addresses, keys, notifications.

/** @import { Message, Room, State } from './state/types.js' */
import { now } from './clock.js';
import { Notices } from './notices.js';
import { Session } from './session.js';
import { understand } from './state/commands.js';
import { mentions } from './state/markup.js';
import { beginning, isolated, plain } from './state/words.js';
import { browser, tab } from './storage.js';
import { Composer } from './view/composer.js';
import { announce, copyText, find, h, isOfInputMethod } from './view/dom.js';
import { Head } from './view/head.js';
import { Sides } from './view/sides.js';
import { Timeline } from './view/timeline.js';
import { visitor } from './visitor.js';

/** New messages within this time are told in one sentence to whoever listens. */
const ANNOUNCE_MS = 700;
/** Words that pass are shown for as long. */
const TOAST_MS = 2_500;
/** And why something cannot be, for longer. */
const REFUSAL_MS = 8_000;
const THEMES = ['system', 'light', 'dark'];
/** A swipe is at least as long. */
const SWIPE_PX = 60;

/** Panels come when they are asked for first. @type {Record<string, () => Promise<{ open(app: App, what: any): void }>>} */
const PANELS = {
  plug: () => import('./view/plug.js'),
  wires: () => import('./view/wires.js'),
  bytes: () => import('./view/bytes.js'),
  search: () => import('./view/search.js'),
  join: () => import('./view/join.js'),
  help: () => import('./view/help.js'),
};

export class App {
  session = new Session(() => this.#render(), (key, message) => this.#live(key, message));
  theme = THEMES.includes(browser.get('theme')) ? browser.get('theme') : 'system';
  notices = new Notices();
  /** Lines of the Plug in panel that were copied, the latest last. @type {string[]} */
  copied = [];
  /** Nicks that were seen to speak Socket.IO. @type {Set<string>} */
  sockets = new Set();
  #timeline = new Timeline(this);
  #composer = new Composer(this);
  #head = new Head(this);
  #sides = new Sides(this);
  #title = '';
  /** @type {Message[]} */
  #news = [];
  #isRouted = false;
  /** What was on the screen, the latest first. @type {string[]} */
  #looked = [];

  /** The key of the room on the screen. */
  get current() {
    return this.session.state.current;
  }

  start() {
    this.#useTheme();
    takePass();
    addEventListener('hashchange', () => this.#route());
    // A browser that fills in a form tells of keys that are none.
    addEventListener('keydown', (event) => { if (event instanceof KeyboardEvent) this.#keyed(event); });
    // The key that ends a composition sends no form and closes no dialog.
    addEventListener('keydown', (event) => {
      if (isOfInputMethod(event) && (event.key === 'Escape' || (event.key === 'Enter' && event.target instanceof HTMLInputElement))) event.preventDefault();
    }, true);
    for (const happening of ['focus', 'blur', 'visibilitychange', 'pageshow']) {
      addEventListener(happening, () => this.#attend());
    }
    // After a sleep the connection may be gone without a word.
    addEventListener('visibilitychange', () => { if (document.visibilityState === 'visible') this.session.check(); });
    find('skip').addEventListener('click', () => this.#composer.focus());
    find('shade').addEventListener('click', () => this.slide(''));
    find('rooms').addEventListener('click', (event) => { if (event.target instanceof Element && event.target.closest('a')) this.slide(''); });
    find('side').addEventListener('click', (event) => { if (event.target instanceof Element && event.target.closest('a')) this.slide(''); });
    this.#swipes();
    // A file that is dropped would take the place of the page.
    addEventListener('dragover', (event) => { if (event.dataTransfer?.types.includes('Files')) event.preventDefault(); });
    addEventListener('drop', (event) => {
      if (!event.dataTransfer?.types.includes('Files')) return;
      event.preventDefault();
      this.cannotTake();
    });
    // Whoever was here before, in this tab or under a name, is no newcomer.
    if (tab.get('session') || browser.get('user')?.isChosen) this.session.start();
    else visitor().then(() => this.session.start());
    this.#attend();
  }

  #render() {
    const { state } = this.session;
    if (!this.#isRouted && state.epoch !== '') this.#route();
    if (this.current !== '' && !state.rooms[this.current]) this.open(state.order[0] ?? '');
    this.#head.render(state);
    this.#sides.render(state);
    this.#composer.render(state);
    this.#timeline.render(state);
    this.#showTitle(state);
  }

  /** @param {string} key */
  addressOf(key) {
    return key.startsWith('@') ? `#/person/${encodeURIComponent(key.slice(1))}` : `#/room/${encodeURIComponent(key.slice(1))}`;
  }

  /** @param {Message} item */
  linkTo(item) {
    const where = item.seq === null ? '' : `/${item.seq}`;
    return location.origin + location.pathname + this.addressOf(this.current) + where;
  }

  /** The keys of all rooms and conversations but the one on the screen, those that were looked at last first. */
  recent() {
    const { order } = this.session.state;
    const looked = this.#looked.filter((key) => order.includes(key));
    return [...looked, ...order.filter((key) => !looked.includes(key))].filter((key) => key !== this.current);
  }

  /** Goes to a room or conversation. @param {string} key */
  open(key) {
    if (key !== '') location.hash = this.addressOf(key);
  }

  /** What the address says is shown: `#/room/NAME`, `#/room/NAME/SEQ`, `#/person/NICK`. */
  async #route() {
    const { state } = this.session;
    if (state.epoch === '') return;
    this.#isRouted = true;
    const [, kind, name = '', seq = ''] = location.hash.split('/').map(decoded);
    let key = name === '' ? (state.order[0] ?? '') : kind === 'person' ? `@${name}` : `#${name}`;
    if (key.startsWith('#') && !state.rooms[key]) {
      try {
        key = await this.session.join(name);
      } catch (error) {
        const why = `${isolated(`#${name}`)}: ${error instanceof Error ? error.message : 'this room cannot be entered'}`;
        key = this.current || (state.order[0] ?? '');
        // The address tells where one is.
        history.replaceState(null, '', key === '' ? location.pathname : this.addressOf(key));
        if (key !== '') this.session.dispatch({ do: 'open', key });
        this.#show(why, REFUSAL_MS);
        return;
      }
    }
    if (key === '' || key === '@') return;
    const isOther = key !== this.current && this.current !== '';
    this.session.dispatch({ do: 'open', key });
    this.#looked = [key, ...this.#looked.filter((other) => other !== key)];
    if (/^\d+$/.test(seq)) this.#timeline.jump(Number(seq));
    if (isOther && document.activeElement?.id !== 'nick' && !document.querySelector('dialog[open]')) {
      this.#timeline.focus();
      const room = this.session.room(key);
      if (room) announce(room.isPerson ? `Conversation with ${room.name}` : `Room ${room.name}`);
    }
  }

  /** Somebody typed a line. @param {string} key @param {string} text */
  async typed(key, text) {
    const typed = understand(text);
    try {
      switch (typed.do) {
        case 'say':
          this.session.say(key, typed.text, typed.action);
          this.#timeline.toEnd();
          break;
        case 'tell':
          this.open(`@${typed.nick}`);
          this.session.dispatch({ do: 'open', key: `@${typed.nick}` });
          this.session.say(`@${typed.nick}`, typed.text);
          break;
        case 'nick': await this.session.takeNick(typed.word); break;
        case 'join': this.open(await this.session.join(typed.word)); break;
        case 'leave':
          await this.session.leave(typed.word === '' ? key : typed.word.startsWith('@') ? typed.word : `#${typed.word.replace(/^#/, '')}`);
          this.open(this.current);
          break;
        case 'topic':
          if (this.session.room(key)?.isPerson) this.#say('A private conversation has no topic');
          else await this.session.setTopic(key, typed.text);
          break;
        case 'tell-topic': this.#tellTopic(key); break;
        case 'pass':
          this.session.givePass(typed.word);
          this.#say('The join code is kept');
          break;
        case 'who':
          if (typed.word !== '') await this.#tellMembers(typed.word);
          else if (getComputedStyle(find('side')).position === 'fixed') this.slide('side');
          else await this.#tellMembers(key);
          break;
        case 'rooms': this.show('join'); break;
        case 'search': this.show('search', typed.word); break;
        case 'plug':
        case 'wires':
        case 'help': this.show(typed.do); break;
        case 'wrong': this.#say(typed.why); break;
      }
    } catch (error) {
      this.#say(error instanceof Error ? error.message : 'That did not work');
    }
  }

  /** The page says something, to whoever looks and whoever listens. @param {string} text */
  #say(text) {
    this.session.dispatch({ do: 'notice', text, now: now() });
    announce(text);
  }

  /** Files have no place yet. */
  cannotTake() {
    this.#say('Files and pictures cannot be sent yet: put them where others can open them, and send the link');
  }

  /** Says something that is over in a moment. @param {string} words @param {number} [ms] */
  #show(words, ms = TOAST_MS) {
    announce(words);
    const toast = h('p', { class: 'toast', 'aria-hidden': 'true' }, words);
    document.querySelector('.toast')?.remove();
    (document.querySelector('dialog[open]') ?? document.body).append(toast);
    setTimeout(() => toast.remove(), ms);
  }

  /** @param {string} key */
  #tellTopic(key) {
    const room = this.session.room(key);
    if (!room || room.isPerson) this.#say('A private conversation has no topic');
    else this.#say(room.topic === '' ? `${isolated(room.name)} has no topic` : `Topic of ${isolated(room.name)}: ${isolated(room.topic)}`);
  }

  /** @param {string} name of a room, or the key of a conversation */
  async #tellMembers(name) {
    if (name.startsWith('@')) return this.#say(`${isolated(name.slice(1))} and you`);
    const { room = name, count = 0, members, more } = await this.session.members(name.replace(/^#/, ''));
    const nicks = members.map((/** @type {{ nick: string }} */ { nick }) => isolated(nick)).join(', ');
    this.#say(`${count} in ${isolated(room)}: ${nicks}${more ? ' and more' : ''}`);
  }

  /** Opens a panel. @param {string} name @param {any} [what] */
  async show(name, what) {
    this.slide('');
    try {
      (await PANELS[name]()).open(this, what);
    } catch {
      this.#say('That part of the page could not be loaded. Reload the page, or try again when the server is back.');
    }
  }

  /** @param {Message} item */
  quote(item) {
    const lines = item.text.split('\n').slice(0, 6).map((line) => `> ${line}`).join('\n');
    this.#composer.put(`${lines}\n@${item.from.nick} ${this.#composer.text}`);
  }

  /** @param {string} text @param {string} words */
  async copy(text, words) {
    if (await copyText(text)) this.#show(words);
    else this.#say('The browser does not let this page copy: select the text and copy it');
  }

  /** @param {number} seq */
  jump(seq) {
    return this.#timeline.jump(seq);
  }

  editTopic() {
    this.#composer.interject(`/topic ${this.session.room(this.current)?.topic ?? ''}`);
  }

  editName() {
    this.slide('');
    this.#composer.interject(`/nick ${this.session.state.me.nick}`);
  }

  focusComposer() {
    this.#composer.focus();
  }

  /** Whether to ask for a name: once, of whoever never chose one. @param {State} state */
  wantsName(state) {
    return state.epoch !== '' && state.link.phase === 'open' && browser.get('user')?.isChosen !== true && tab.get('guest') !== true;
  }

  keepGuestName() {
    tab.set('guest', true);
    this.#render();
    this.#composer.focus();
  }

  /** Shows a side bar over the conversation on a small screen; '' shows none. @param {'rooms' | 'side' | ''} which */
  slide(which) {
    const app = find('app');
    const before = app.dataset.open ?? '';
    if (which === before) which = '';
    app.dataset.open = which;
    const isOver = which !== '' && getComputedStyle(find(which)).position === 'fixed';
    find('main').inert = isOver;
    if (isOver) {
      const first = find(which).querySelector('[aria-current], a, button');
      if (first instanceof HTMLElement) first.focus();
    }
  }

  nextTheme() {
    this.theme = THEMES[(THEMES.indexOf(this.theme) + 1) % THEMES.length];
    browser.set('theme', this.theme);
    this.#useTheme();
    this.#render();
  }

  #useTheme() {
    if (this.theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.theme;
  }

  async toggleNotifications() {
    const why = await this.notices.toggle();
    if (why !== '') this.#say(why);
    this.#render();
  }

  /** What an empty room shows: how to plug something in. @param {Room} room */
  emptyRoom(room) {
    const place = h('div', { class: 'empty' });
    if (room.isPerson) {
      place.append(h('p', { class: 'big' }, 'Say something to ', h('bdi', null, room.name), '.'),
        h('p', null, 'Private messages live as long as both of you are here.'));
      return place;
    }
    place.append(h('p', { class: 'big' }, room.members > 1 ? 'Nobody has said anything yet.' : 'You’re first. Plug something in:'));
    import('./view/plug.js').then(({ fewLines }) => place.append(fewLines(this)), () => {});
    return place;
  }

  /** Somebody looks at the page, or does not any more. */
  #attend() {
    const attentive = document.visibilityState === 'visible' && document.hasFocus();
    this.session.dispatch({ do: 'attentive', attentive });
  }

  /** @param {string} key @param {Message} message */
  #live(key, message) {
    const isNamed = key.startsWith('@') || mentions(message.text, this.session.state.me.nick);
    if (isNamed && !this.session.state.attentive) {
      // One sender's notices replace each other.
      this.notices.show(`${message.from.nick} in ${key.replace('@', '')}`, beginning(message.text, 200), `${key} ${message.from.nick}`, () => this.open(key));
    }
    if (key !== this.current) return;
    if (this.#news.length === 0) setTimeout(() => this.#tellNews(), ANNOUNCE_MS);
    this.#news.push(message);
  }

  #tellNews() {
    const news = this.#news.splice(0);
    if (news.length > 3) announce(`${news.length} new messages`);
    else announce(news.map(({ from, text }) => `${from.nick}: ${plain(beginning(text, 200))}`).join('. '));
  }

  /** @param {State} state */
  #showTitle(state) {
    const rooms = Object.values(state.rooms);
    const mentioned = rooms.reduce((sum, room) => sum + room.mentions, 0);
    const unread = rooms.reduce((sum, room) => sum + room.unread, 0);
    const room = state.rooms[state.current];
    const title = `${mentioned > 0 ? `(${mentioned}) ` : unread > 0 ? '• ' : ''}${room ? `${plain(room.name)} · ` : ''}Switchboard`;
    if (title === this.#title) return;
    this.#title = title;
    document.title = title;
    const icon = /** @type {HTMLLinkElement} */ (find('icon'));
    const href = icon.href.replace(/icon(-unread)?\.svg/, unread > 0 ? 'icon-unread.svg' : 'icon.svg');
    if (icon.href !== href) icon.href = href;
  }

  /** @param {KeyboardEvent} event */
  #keyed(event) {
    const target = event.target instanceof HTMLElement ? event.target : document.body;
    const isDialog = document.querySelector('dialog[open]') !== null;
    if (isDialog) return;
    const isField = target.matches('input, textarea, select');
    if (isOfInputMethod(event)) {
      // What begins outside a field is composed in the message box.
      if (!isField && event.key === 'Process') this.#composer.focus();
      return;
    }
    const { key } = event;
    // On keyboards with other letters a shortcut is where it is on a Latin one.
    const letter = (/^[a-z]$/i.test(key) ? key : event.code.replace('Key', '')).toLowerCase();
    // AltGr writes; on some systems it looks like Ctrl and Alt.
    const isWriting = event.getModifierState('AltGraph') || !(event.ctrlKey || event.metaKey || event.altKey);
    if (event.altKey && !event.ctrlKey && (key === 'ArrowUp' || key === 'ArrowDown')) {
      event.preventDefault();
      this.#step(key === 'ArrowUp' ? -1 : 1, event.shiftKey);
    } else if ((event.ctrlKey || event.metaKey) && !event.altKey && letter === 'k') {
      event.preventDefault();
      this.show('join');
    } else if ((event.ctrlKey || event.metaKey) && event.shiftKey && !event.altKey && letter === 'f') {
      event.preventDefault();
      this.show('search');
    } else if (key === 'F6') {
      event.preventDefault();
      this.#region(event.shiftKey ? -1 : 1);
    } else if (key === 'Escape') {
      if (find('app').dataset.open) this.slide('');
      else {
        this.#timeline.toEnd();
        this.#composer.focus();
      }
    } else if (key === '?' && !isField && isWriting) {
      event.preventDefault();
      this.show('help');
    } else if ((key === 'Dead' || [...key].length === 1) && key !== ' ' && !isField && isWriting && !target.closest('.actions')) {
      // Whoever types means the message box, and the letter goes there.
      this.#composer.focus();
    }
  }

  /** The next room, or the next with something unread. @param {number} by @param {boolean} isUnread */
  #step(by, isUnread) {
    const { order, rooms, current } = this.session.state;
    for (let step = 1; step <= order.length; step += 1) {
      const key = order[(order.indexOf(current) + by * step + order.length * step) % order.length];
      if (!isUnread || rooms[key].unread > 0) return this.open(key);
    }
  }

  /** The next part of the page: rooms, conversation, message box, members. @param {number} by */
  #region(by) {
    const regions = [find('rooms'), find('log'), find('composer'), find('side')].filter((one) => one.checkVisibility());
    const at = regions.findIndex((region) => region.contains(document.activeElement));
    const region = regions[(at + by + regions.length) % regions.length];
    const first = region.querySelector('[aria-current], article[tabindex="0"], textarea, a, button');
    if (first instanceof HTMLElement) first.focus();
  }

  #swipes() {
    /** @type {Touch | null} */
    let from = null;
    addEventListener('touchstart', (event) => { from = event.touches.length === 1 ? event.touches[0] : null; }, { passive: true });
    addEventListener('touchend', (event) => {
      const to = event.changedTouches[0];
      if (!from || document.querySelector('dialog[open]') || getSelection()?.isCollapsed === false) return;
      const [right, down] = [to.clientX - from.clientX, Math.abs(to.clientY - from.clientY)];
      if (from.target instanceof Element && from.target.closest('pre')) return;
      if (Math.abs(right) < SWIPE_PX || down > Math.abs(right) / 2) return;
      const open = find('app').dataset.open ?? '';
      if (open !== '') this.slide('');
      else this.slide(right > 0 ? 'rooms' : 'side');
    }, { passive: true });
  }
}

/** @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** A link with a join code in it (`#pass=CODE`, as the QR code has) opens the door, and is forgotten. */
function takePass() {
  const pass = /^#pass=([^&]+)/.exec(location.hash)?.[1];
  if (!pass) return;
  browser.set('user', { ...browser.get('user'), pass: decoded(pass) });
  history.replaceState(null, '', location.pathname);
}

new App().start();
