// The conversation: a few hundred rows, kept in step with the state, and the scroll position kept for the reader.

/** @import { Message, Room, Row, State } from '../state/types.js' */
/** @import { App } from '../app.js' */
import { layout } from '../state/layout.js';
import { plural } from '../state/words.js';
import { find, h, icon } from './dom.js';
import { draw, explainTime, signature } from './message.js';

/** As near to the end, new messages pull the reader along. */
const NEAR_PX = 100;
/** As near to the edge of what is loaded, more is loaded. */
const LOAD_PX = 800;

export class Timeline {
  #app;
  #log = find('log');
  #newer = /** @type {HTMLButtonElement} */ (find('newer'));
  #actions;
  /** @type {Map<string, { element: HTMLElement, signature: string }>} */
  #nodes = new Map();
  #key = '';
  #epoch = '';
  #isStuck = true;
  #wasLoaded = false;
  /** As it is on the page. @type {Room | null} */
  #drawn = null;
  /** @type {number | null} */
  #target = null;
  /** @type {HTMLElement | null} */
  #active = null;

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
    this.#actions = this.#makeActions();
    this.#log.parentElement?.append(this.#actions);
    this.#log.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    this.#log.addEventListener('keydown', (event) => this.#keyed(event));
    this.#log.addEventListener('focusin', (event) => this.#point(event.target, true));
    this.#log.addEventListener('pointerover', (event) => this.#point(event.target, false));
    this.#log.parentElement?.addEventListener('pointerleave', () => this.#hideActions());
    this.#newer.addEventListener('click', () => this.toEnd());
    new ResizeObserver(() => this.#hold()).observe(this.#log);
  }

  /** @param {State} state */
  render(state) {
    const room = state.rooms[state.current];
    if (!room) return;
    const isOther = this.#key !== room.key || this.#epoch !== state.epoch;
    if (isOther) this.#begin(room, state.epoch);
    const anchor = this.#isStuck ? null : this.#anchor();
    const rows = layout(room, room.atEnd ? state.pending : [], state.me);
    const isLive = !isOther && this.#wasLoaded && this.#isStuck;
    const changes = this.#draw(rows, room, state.me.nick, isLive);
    this.#drawn = room;
    if (room.loaded && !this.#wasLoaded) this.#settleFirst(room);
    else if (this.#isStuck) this.#log.scrollTop = this.#log.scrollHeight;
    else if (changes && anchor) this.#restore(anchor);
    this.#wasLoaded = room.loaded;
    this.#showEmpty(room, rows);
    this.#showNewer(room);
    this.#rove();
    if (this.#target !== null) this.#showTarget(room);
    if (room.loaded) this.#edges(room);
  }

  /** To the newest message. */
  toEnd() {
    const { session, current } = this.#app;
    this.#isStuck = true;
    const room = session.room(current);
    if (room && !room.atEnd) session.loadLatest(current);
    this.#log.scrollTop = this.#log.scrollHeight;
    session.dispatch({ do: 'following', key: current, following: true });
  }

  /** Shows a message, wherever in the history it is. @param {number} seq */
  async jump(seq) {
    const { session, current } = this.#app;
    this.#target = seq;
    this.#isStuck = false;
    session.dispatch({ do: 'following', key: current, following: false });
    await session.loadAround(current, seq);
    const room = session.room(current);
    if (room && this.#target === seq) this.#showTarget(room);
  }

  focus() {
    this.#log.focus({ preventScroll: true });
  }

  /** @param {Room} room @param {string} epoch */
  #begin(room, epoch) {
    this.#key = room.key;
    this.#epoch = epoch;
    this.#nodes.clear();
    this.#log.replaceChildren();
    this.#active = null;
    this.#isStuck = true;
    this.#wasLoaded = false;
    this.#hideActions();
  }

  /**
   * Makes the rows on the page those that are wanted, touching only what differs.
   * @param {Row[]} rows @param {Room} room @param {string} me @param {boolean} isLive
   */
  #draw(rows, room, me, isLive) {
    const wanted = new Set(rows.map((row) => row.key));
    let changes = 0;
    for (const [key, { element }] of this.#nodes) {
      if (!wanted.has(key)) {
        element.remove();
        this.#nodes.delete(key);
        changes += 1;
      }
    }
    let cursor = this.#log.firstElementChild;
    rows.forEach((row, index) => {
      const its = signature(row, me);
      const known = this.#nodes.get(row.key);
      if (known?.signature === its) {
        if (known.element === cursor) cursor = cursor.nextElementSibling;
        else this.#log.insertBefore(known.element, cursor);
        return;
      }
      const element = draw(row, room, me, this.#app.session);
      changes += 1;
      if (known) {
        if (known.element === cursor) cursor = cursor.nextElementSibling;
        if (known.element === this.#active) this.#active = element;
        const hadFocus = known.element === document.activeElement;
        known.element.remove();
        this.#log.insertBefore(element, cursor);
        if (hadFocus) element.focus({ preventScroll: true });
      } else {
        if (isLive && row.type === 'message' && index >= rows.length - 8) element.classList.add('fresh');
        this.#log.insertBefore(element, cursor);
      }
      this.#nodes.set(row.key, { element, signature: its });
    });
    return changes > 0;
  }

  /** The first rendering of a loaded room: at what is unread, else at the end. @param {Room} room */
  #settleFirst(room) {
    const line = this.#nodes.get('unread')?.element;
    if (line && this.#target === null) {
      const top = line.offsetTop - this.#log.clientHeight / 3;
      this.#log.scrollTop = top;
    } else {
      this.#log.scrollTop = this.#log.scrollHeight;
    }
    this.#isStuck = this.#isNearEnd() && room.atEnd;
    if (this.#target === null && this.#isStuck !== room.following) {
      this.#app.session.dispatch({ do: 'following', key: room.key, following: this.#isStuck });
    }
  }

  /** A row that is seen and will stay, and where it is. */
  #anchor() {
    const top = this.#log.scrollTop;
    for (const child of this.#log.children) {
      if (child instanceof HTMLElement && child.tagName === 'ARTICLE' && child.offsetTop + child.offsetHeight > top) {
        return { key: child.dataset.key ?? '', offset: child.offsetTop - top };
      }
    }
    return null;
  }

  /** @param {{ key: string, offset: number }} anchor */
  #restore({ key, offset }) {
    const element = this.#nodes.get(key)?.element;
    if (element) this.#log.scrollTop = element.offsetTop - offset;
  }

  /** The page's height changed: whoever is at the end stays there. */
  #hold() {
    if (this.#isStuck) this.#log.scrollTop = this.#log.scrollHeight;
  }

  #isNearEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#log;
    return scrollHeight - scrollTop - clientHeight < NEAR_PX;
  }

  #scrolled() {
    const { session, current } = this.#app;
    const room = session.room(current);
    if (!room || room.key !== this.#key) return;
    this.#hideActions();
    // What has come and is not drawn yet is not where the reader is.
    const isStuck = this.#isNearEnd() && this.#drawn?.atEnd === true;
    this.#isStuck = isStuck;
    if (isStuck !== room.following) session.dispatch({ do: 'following', key: current, following: isStuck });
    if (this.#drawn === room) this.#edges(room);
  }

  /** Loads more when the reader comes near the edge of what is there. @param {Room} room */
  #edges(room) {
    const { session } = this.#app;
    const { scrollHeight, scrollTop, clientHeight } = this.#log;
    if (scrollTop < LOAD_PX && !room.atStart) session.loadBefore(room.key);
    else if (scrollHeight - scrollTop - clientHeight < LOAD_PX && !room.atEnd) session.loadAfter(room.key);
  }

  /** @param {Room} room */
  #showNewer(room) {
    const isShown = !this.#isStuck && (room.unread > 0 || !room.atEnd || !this.#isNearEnd());
    this.#newer.hidden = !isShown;
    const words = room.unread > 0 ? plural(room.unread, 'new message') : 'To the newest';
    if (isShown && this.#newer.textContent !== words) this.#newer.replaceChildren(words, icon('down'));
  }

  /** @param {Room} room @param {Row[]} rows */
  #showEmpty(room, rows) {
    const isAlone = room.loaded && room.atStart && room.atEnd && !rows.some((row) => row.type === 'message');
    const shown = this.#log.querySelector('.empty');
    if (!isAlone) shown?.remove();
    else if (!shown) this.#log.append(this.#app.emptyRoom(room));
  }

  /** @param {Room} room */
  #showTarget(room) {
    const item = room.items.find((one) => one.seq === this.#target);
    const element = item && this.#nodes.get(item.key)?.element;
    if (!element) return;
    this.#target = null;
    this.#isStuck = false;
    this.#log.scrollTop = element.offsetTop - this.#log.clientHeight / 3;
    element.classList.add('target');
    setTimeout(() => element.classList.remove('target'), 2_500);
    this.#activate(element);
    element.focus({ preventScroll: true });
  }

  /** The Tab key leads to one article: the one used last, else the newest. */
  #rove() {
    const isUsed = this.#active?.contains(document.activeElement) || this.#actions.contains(document.activeElement);
    if (this.#active?.isConnected && (isUsed || !this.#isStuck)) return;
    const articles = this.#log.querySelectorAll('article');
    const last = articles[articles.length - 1];
    if (last instanceof HTMLElement) this.#activate(last);
  }

  /** @param {HTMLElement} article */
  #activate(article) {
    if (this.#active !== article) this.#active?.setAttribute('tabindex', '-1');
    article.setAttribute('tabindex', '0');
    this.#active = article;
  }

  /** @param {KeyboardEvent} event */
  #keyed(event) {
    const article = event.target instanceof HTMLElement ? event.target.closest('article') : null;
    if (!article || event.target !== article || event.altKey || event.ctrlKey || event.metaKey) return;
    const articles = [...this.#log.querySelectorAll('article')];
    const at = articles.indexOf(article);
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: articles.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      const next = articles[Math.max(0, Math.min(articles.length - 1, to))];
      this.#activate(next);
      next.focus();
    } else if (event.key === 'Enter') {
      event.preventDefault();
      this.#actions.querySelector('button')?.focus();
    }
  }

  /** @param {EventTarget | null} target @param {boolean} isFocus */
  #point(target, isFocus) {
    if (!(target instanceof HTMLElement)) return;
    if (target instanceof HTMLTimeElement) explainTime(target);
    const article = target.closest('article');
    if (!article) return;
    if (isFocus) this.#activate(article);
    if (article.matches('.waiting, .sending, .failed')) return this.#hideActions();
    this.#actions.dataset.key = article.dataset.key;
    this.#actions.hidden = false;
    this.#actions.style.top = `${Math.max(4, article.offsetTop - this.#log.scrollTop - 14)}px`;
  }

  #hideActions() {
    if (!this.#actions.contains(document.activeElement)) this.#actions.hidden = true;
  }

  /** What can be done with the message that is pointed at. */
  #makeActions() {
    const button = (/** @type {string} */ name, /** @type {string} */ words, /** @type {(item: Message) => void} */ act) => (
      h('button', { type: 'button', 'aria-label': words, title: words, onclick: () => {
        const room = this.#app.session.room(this.#key);
        const item = room?.items.find((one) => one.key === this.#actions.dataset.key);
        if (item?.kind === 'message') act(item);
      } }, icon(name)));
    const app = this.#app;
    const toolbar = h('div', { class: 'actions', role: 'toolbar', 'aria-label': 'Message', hidden: true },
      button('reply', 'Quote', (item) => app.quote(item)),
      button('copy', 'Copy text', (item) => app.copy(item.text, 'Text copied')),
      button('link', 'Copy link', (item) => app.copy(app.linkTo(item), 'Link copied')),
      button('bytes', 'Show its bytes', (item) => app.show('bytes', item)));
    toolbar.addEventListener('keydown', (event) => {
      const buttons = [...toolbar.querySelectorAll('button')];
      const at = buttons.findIndex((one) => one === document.activeElement);
      const to = { ArrowLeft: at - 1, ArrowRight: at + 1 }[event.key];
      if (to !== undefined) buttons[(to + buttons.length) % buttons.length].focus();
      if (event.key === 'Escape') {
        event.stopPropagation();
        this.#active?.focus({ preventScroll: true });
      }
    });
    return toolbar;
  }
}
