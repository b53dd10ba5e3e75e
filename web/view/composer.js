// Where people write: drafts, recall of what was sent, completion of nicks, rooms, commands and emoji.

/** @import { Proposal, State } from '../state/types.js' */
/** @import { App } from '../app.js' */
import { COMMANDS } from '../state/commands.js';
import { plural } from '../state/words.js';
import { tab } from '../storage.js';
import { find, h, icon, isOfInputMethod } from './dom.js';

/** Messages that the up arrow brings back. */
const RECALL_MAX = 100;
/** Proposals shown at a time. */
const PROPOSALS_MAX = 8;
/** So near to the longest message, the rest is counted. */
const NEAR_LIMIT = 200;

export class Composer {
  #app;
  #form = /** @type {HTMLFormElement} */ (find('composer'));
  #input;
  #list;
  #count;
  #send;
  #key = '';
  #label = '';
  /** @type {Record<string, string>} */
  #drafts = tab.get('drafts') ?? {};
  /** @type {string[]} */
  #sent = tab.get('sent') ?? [];
  #recalled = 0;
  /** What was being written when the page put a command in its place. */
  #held = '';
  /** @type {Proposal[]} */
  #proposals = [];
  #chosen = 0;
  /** Whether somebody moved to a proposal, and so wants one. */
  #isChosen = false;
  /** Whether the last key was one of a keyboard on glass, which says nothing of itself. */
  #isGlass = false;
  #wordStart = 0;
  /** @type {[string, string][] | null} */
  #emoji = null;
  #limit = 4_096;

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
    this.#input = h('textarea', {
      id: 'message', rows: 1, dir: 'auto', enterkeyhint: 'send', autocomplete: 'off', 'aria-label': 'Message',
      'aria-autocomplete': 'list', 'aria-controls': 'proposals',
    });
    this.#list = h('ul', { id: 'proposals', class: 'proposals', role: 'listbox', 'aria-label': 'Proposals', hidden: true });
    this.#count = h('span', { class: 'left', 'aria-live': 'polite' });
    this.#send = h('button', { type: 'submit', class: 'send', 'aria-label': 'Send', title: 'Send (Enter)' }, icon('send'));
    this.#form.append(this.#list, h('div', { class: 'field' }, this.#input, this.#count, this.#send));
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#input.addEventListener('keydown', (event) => this.#keyed(event));
    this.#input.addEventListener('beforeinput', (event) => {
      // There Enter is no key, only a new line that is about to come.
      if (!this.#isGlass || event.isComposing || event.inputType !== 'insertLineBreak') return;
      event.preventDefault();
      this.#submit();
    });
    this.#input.addEventListener('input', () => {
      // What was brought back and changed is a text of its own.
      this.#recalled = 0;
      this.#changed();
    });
    this.#input.addEventListener('paste', (event) => {
      const data = event.clipboardData;
      if (data && data.files.length > 0 && !data.types.includes('text/plain')) {
        event.preventDefault();
        this.#app.cannotTake();
      }
    });
    this.#input.addEventListener('blur', () => this.#propose([]));
  }

  /** @param {State} state */
  render(state) {
    this.#limit = state.limits?.message_chars ?? this.#limit;
    const room = state.rooms[state.current];
    if (!room) return;
    const label = `Message ${room.isPerson ? room.name : `#${room.name}`}`;
    if (label !== this.#label) {
      this.#label = label;
      this.#input.placeholder = label;
      this.#input.setAttribute('aria-label', label);
    }
    if (room.key === this.#key) return;
    if (this.#held !== '') this.#drafts = { ...this.#drafts, [this.#key]: this.#held };
    this.#held = '';
    // What was typed before there was a room is for the first one.
    const draft = (this.#key === '' ? this.#input.value : '') || (this.#drafts[room.key] ?? '');
    this.#key = room.key;
    this.#recalled = 0;
    this.#put(draft);
  }

  focus() {
    this.#input.focus({ preventScroll: true });
  }

  /** Puts a text where people write, its end ready for more. @param {string} text */
  put(text) {
    this.#put(text);
    this.#changed();
    this.focus();
  }

  /** Puts a command where people write; what was there comes back after it. @param {string} command */
  interject(command) {
    if (this.#held === '' && !this.#input.value.startsWith('/')) this.#held = this.#input.value;
    this.put(command);
  }

  /** Brings back what was being written, and gives whether there was something. */
  #resume() {
    const text = this.#held;
    this.#held = '';
    if (text !== '') this.put(text);
    return text !== '';
  }

  get text() {
    return this.#input.value;
  }

  /** @param {string} text */
  #put(text) {
    this.#input.value = text;
    this.#input.setSelectionRange(text.length, text.length);
    this.#fit();
  }

  /** The field grows with what is in it. */
  #fit() {
    this.#input.style.height = 'auto';
    this.#input.style.height = `${Math.min(this.#input.scrollHeight, innerHeight * 0.4)}px`;
    const left = this.#limit - [...this.#input.value].length;
    this.#count.textContent = left < NEAR_LIMIT ? (left < 0 ? `${plural(-left, 'character')} too long` : `${left} left`) : '';
    this.#count.classList.toggle('over', left < 0);
    this.#send.disabled = this.#input.value.trim() === '';
  }

  #changed() {
    this.#fit();
    const text = this.#input.value;
    if (this.#key !== '') this.#drafts = { ...this.#drafts, [this.#key]: text };
    if (text === '') delete this.#drafts[this.#key];
    tab.set('drafts', this.#drafts);
    if (text !== '' && !text.startsWith('/')) this.#app.session.typing(this.#key);
    this.#complete();
  }

  #submit() {
    const text = this.#input.value.replace(/\s+$/, '');
    if (this.#key === '' || text.trim() === '' || [...text].length > this.#limit) return;
    this.#propose([]);
    this.#sent = [...this.#sent.filter((other) => other !== text), text].slice(-RECALL_MAX);
    tab.set('sent', this.#sent);
    this.#recalled = 0;
    this.#put('');
    this.#changed();
    this.#resume();
    this.#app.typed(this.#key, text);
  }

  /** @param {KeyboardEvent} event */
  #keyed(event) {
    this.#isGlass = event.keyCode === 229 && event.key === 'Unidentified';
    if (isOfInputMethod(event)) return;
    if (this.#proposals.length > 0 && this.#choose(event)) return;
    if (event.key === 'Enter' && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === 'Escape' && this.#resume()) {
      event.stopPropagation();
    } else if (event.key === 'ArrowUp' && !event.altKey && (this.#input.value === '' || this.#recalled > 0)) {
      this.#recall(event, 1);
    } else if (event.key === 'ArrowDown' && !event.altKey && this.#recalled > 0) {
      this.#recall(event, -1);
    } else if ((event.key === '*' || event.key === '`') && this.#input.selectionStart !== this.#input.selectionEnd) {
      event.preventDefault();
      const { selectionStart: from, selectionEnd: to, value } = this.#input;
      this.#input.setRangeText(event.key + value.slice(from, to) + event.key, from, to, 'select');
      this.#changed();
    }
  }

  /** @param {KeyboardEvent} event @param {number} by */
  #recall(event, by) {
    const at = this.#recalled + by;
    if (at > this.#sent.length) return;
    event.preventDefault();
    this.#recalled = at;
    this.#put(at === 0 ? '' : this.#sent[this.#sent.length - at]);
  }

  async #complete() {
    const { selectionStart: at, value } = this.#input;
    const told = /^\/msg\s+([^\s@]\S*)$/iu.exec(value.slice(0, at))?.[1];
    const word = told ?? /(?:^|\s)([@#:/][^\s]*)$/u.exec(value.slice(0, at))?.[1] ?? '';
    this.#wordStart = at - word.length;
    const rest = (told ?? word.slice(1)).toLowerCase();
    const { state } = this.#app.session;
    /** @type {Proposal[]} */
    let found = [];
    if (told !== undefined || word.startsWith('@')) {
      const sign = told === undefined ? '@' : '';
      const nicks = (state.rooms[this.#key]?.people ?? []).map((one) => one.nick).filter((nick) => nick !== state.me.nick);
      found = matching(nicks, rest).map((nick) => ({ insert: `${sign}${nick} `, shown: nick, note: '' }));
    } else if (word.startsWith('#')) {
      const rooms = state.order.filter((key) => key.startsWith('#')).map((key) => key.slice(1));
      found = matching(rooms, rest).map((room) => ({ insert: `#${room} `, shown: `#${room}`, note: '' }));
    } else if (word.startsWith('/') && this.#wordStart === 0) {
      found = COMMANDS.filter(({ name }) => name.startsWith(rest))
        .map(({ name, wants, does }) => ({ insert: `/${name}${wants ? ' ' : ''}`, shown: `/${name} ${wants}`, note: does }));
      if (found.length === 1 && found[0].insert.trim() === word) found = [];
    } else if (word.startsWith(':') && rest.length >= 2) {
      this.#emoji ??= (await import('./emoji.js')).EMOJI;
      if (this.#input.value !== value) return;
      const whole = rest.endsWith(':') && this.#emoji.find(([name]) => name === rest.slice(0, -1));
      if (whole) {
        this.#input.setRangeText(whole[1], this.#wordStart, at, 'end');
        this.#propose([]);
        return this.#changed();
      } else {
        const names = matching(this.#emoji.map(([name]) => name), rest);
        const table = new Map(this.#emoji);
        found = names.map((name) => ({ insert: `${table.get(name)} `, shown: `${table.get(name)} :${name}:`, note: '' }));
      }
    }
    this.#propose(found.slice(0, PROPOSALS_MAX));
  }

  /** @param {Proposal[]} proposals */
  #propose(proposals) {
    if (proposals.length === 0 && this.#proposals.length === 0) return;
    this.#proposals = proposals;
    this.#chosen = 0;
    this.#isChosen = false;
    this.#list.hidden = proposals.length === 0;
    this.#list.replaceChildren(...proposals.map(({ shown, note }, index) => {
      const row = h('li', { id: `proposal-${index}`, role: 'option', 'aria-selected': String(index === 0) },
        h('bdi', null, shown), note !== '' && h('span', { class: 'note' }, note));
      // Before the field loses its focus, which would close the list.
      row.addEventListener('pointerdown', (event) => {
        event.preventDefault();
        this.#chosen = index;
        this.#take();
      });
      return row;
    }));
    if (proposals.length > 0) this.#input.setAttribute('aria-activedescendant', 'proposal-0');
    else this.#input.removeAttribute('aria-activedescendant');
  }

  /** @param {KeyboardEvent} event */
  #choose(event) {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === 'Enter' && !this.#isWanted()) return false;
    if (by !== undefined) {
      this.#isChosen = true;
      this.#list.children[this.#chosen].setAttribute('aria-selected', 'false');
      this.#chosen = (this.#chosen + by + this.#proposals.length) % this.#proposals.length;
      this.#list.children[this.#chosen].setAttribute('aria-selected', 'true');
      this.#input.setAttribute('aria-activedescendant', `proposal-${this.#chosen}`);
    } else if (event.key === 'Tab' || event.key === 'Enter') {
      this.#take();
    } else if (event.key === 'Escape') {
      event.stopPropagation();
      this.#propose([]);
    } else {
      return false;
    }
    event.preventDefault();
    return true;
  }

  /** Whether Enter takes the proposal: a word that is complete, or begins no name, is sent as it is. */
  #isWanted() {
    const word = this.#input.value.slice(this.#wordStart, this.#input.selectionStart).toLowerCase();
    const { insert, shown } = this.#proposals[this.#chosen];
    const [whole, name] = [insert.trim().toLowerCase(), shown.toLowerCase()];
    return this.#isChosen || (word.length > 1 && whole !== word && (whole.startsWith(word) || name.includes(word)));
  }

  #take() {
    const { insert } = this.#proposals[this.#chosen];
    this.#input.setRangeText(insert, this.#wordStart, this.#input.selectionStart, 'end');
    this.#propose([]);
    this.#changed();
  }
}

/**
 * What begins with the letters, then what has them in order.
 * @param {string[]} words
 * @param {string} letters
 */
function matching(words, letters) {
  const begins = words.filter((word) => word.toLowerCase().startsWith(letters));
  const has = words.filter((word) => !begins.includes(word) && isWithin(word.toLowerCase(), letters));
  return [...begins, ...has];
}

/** @param {string} word @param {string} letters */
function isWithin(word, letters) {
  let at = 0;
  for (const letter of letters) {
    at = word.indexOf(letter, at) + 1;
    if (at === 0) return false;
  }
  return true;
}
