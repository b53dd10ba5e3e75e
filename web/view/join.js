// To a room or a person: those of one's own, the latest first, then all others there are; a new room is the last choice.

/** @import { App } from '../app.js' */
import { plural } from '../state/words.js';
import { h, panel } from './dom.js';

/** Choices that are shown at a time. */
const CHOICES_MAX = 40;

/** @typedef {{ name: string, topic: string, note: string, letters: string, go: () => void }} Choice */

/** @param {App} app */
export async function open(app) {
  const { state } = app.session;
  const input = h('input', {
    type: 'text', role: 'combobox', 'aria-label': 'Room or person', 'aria-expanded': 'true', 'aria-controls': 'choices',
    'aria-autocomplete': 'list', placeholder: 'Room or person', enterkeyhint: 'go', dir: 'auto', autocomplete: 'off',
    autocapitalize: 'none', spellcheck: 'false', maxlength: state.limits?.room_chars ?? 50,
  });
  const error = h('p', { class: 'error', role: 'alert', hidden: true });
  const list = h('ul', { id: 'choices', class: 'results', role: 'listbox', 'aria-label': 'Rooms and people' });
  const form = h('form', { class: 'search' }, input, h('button', { type: 'submit', class: 'main-button' }, 'Go'));
  const dialog = panel('Go to a room or a person', 'middle', form, error, list);
  const join = async (/** @type {string} */ name) => {
    try {
      const key = await app.session.join(name);
      dialog.close();
      app.open(key);
    } catch (reason) {
      error.hidden = false;
      error.textContent = reason instanceof Error ? reason.message : '';
    }
  };
  const goTo = (/** @type {string} */ key) => {
    dialog.close();
    app.open(key);
  };
  /** @type {Map<string, Choice>} */
  const known = new Map();
  for (const key of app.recent()) {
    const { name, isPerson, topic, members } = state.rooms[key];
    const note = isPerson ? 'private' : plural(members, 'member');
    known.set(key, { name: isPerson ? name : key, topic, note, letters: name.toLowerCase(), go: () => goTo(key) });
  }
  for (const room of Object.values(state.rooms)) {
    for (const { nick } of room.people ?? []) {
      const key = `@${nick}`;
      if (nick === state.me.nick || known.has(key)) continue;
      known.set(key, { name: nick, topic: '', note: 'person', letters: nick.toLowerCase(), go: () => goTo(key) });
    }
  }
  /** @type {Choice[]} */
  let shown = [];
  let chosen = 0;
  const mark = () => {
    [...list.children].forEach((row, index) => row.setAttribute('aria-selected', String(index === chosen)));
    if (shown.length > 0) input.setAttribute('aria-activedescendant', `choice-${chosen}`);
    else input.removeAttribute('aria-activedescendant');
    list.children[chosen]?.scrollIntoView({ block: 'nearest' });
  };
  const show = () => {
    const name = input.value.trim().replace(/^#/, '');
    const letters = name.toLowerCase().replace(/^@(?=.)/, '');
    const has = [...known.values()].filter((choice) => choice.letters.includes(letters));
    // A name that begins so comes before one that has it somewhere; else the order stays.
    shown = [...has.filter((choice) => choice.letters.startsWith(letters)), ...has.filter((choice) => !choice.letters.startsWith(letters))].slice(0, CHOICES_MAX);
    const isNew = name !== '' && !name.startsWith('@') && !known.has(`#${name}`) && !known.has(`#${letters}`);
    if (isNew) shown.push({ name: `Create #${name}`, topic: '', note: '', letters, go: () => join(name) });
    chosen = 0;
    error.hidden = true;
    list.replaceChildren(...shown.map((choice, index) => row(choice, index)));
    mark();
  };
  input.addEventListener('input', show);
  input.addEventListener('keydown', (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by === undefined || shown.length === 0) return;
    event.preventDefault();
    chosen = (chosen + by + shown.length) % shown.length;
    mark();
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    shown[chosen]?.go();
  });
  input.focus();
  show();
  try {
    const { rooms = [] } = await app.session.rooms();
    for (const { room, members, topic } of rooms) {
      const key = `#${room}`;
      if (!known.has(key)) known.set(key, { name: key, topic, note: plural(members, 'member'), letters: room.toLowerCase(), go: () => join(room) });
    }
    if (dialog.open) show();
  } catch {
    // One's own are there without the server.
  }
}

/** @param {Choice} choice @param {number} index */
function row({ name, topic, note, go }, index) {
  const line = h('li', { id: `choice-${index}`, class: 'result line-result', role: 'option', 'aria-selected': 'false' },
    h('bdi', { class: 'room-name' }, name), h('span', { class: 'cut note', dir: 'auto' }, topic), h('span', { class: 'note' }, note));
  line.addEventListener('click', go);
  return line;
}
