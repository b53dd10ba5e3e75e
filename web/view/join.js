// To another room: one of those that there are, or a new one; also the quick way between one's own.

/** @import { App } from '../app.js' */
import { plural } from '../state/words.js';
import { h, panel } from './dom.js';

/** @param {App} app */
export async function open(app) {
  const input = h('input', { type: 'text', 'aria-label': 'Room', placeholder: 'Name of a room', enterkeyhint: 'go', dir: 'auto', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', maxlength: app.session.state.limits?.room_chars ?? 50 });
  const error = h('p', { class: 'error', role: 'alert', hidden: true });
  const list = h('ul', { class: 'results', 'aria-label': 'Rooms' });
  const form = h('form', { class: 'search' }, input, h('button', { type: 'submit', class: 'main-button' }, 'Join'));
  const dialog = panel('Join or create a room', 'middle', form, error, list);
  /** @type {{ room: string, members: number, topic: string }[]} */
  let rooms = [];
  const go = async (/** @type {string} */ name) => {
    try {
      const key = await app.session.join(name);
      dialog.close();
      app.open(key);
    } catch (reason) {
      error.hidden = false;
      error.textContent = reason instanceof Error ? reason.message : '';
    }
  };
  const show = () => {
    const name = input.value.trim().replace(/^#/, '');
    const letters = name.toLowerCase();
    const found = rooms.filter((row) => row.room.toLowerCase().includes(letters)).slice(0, 40);
    const isNew = name !== '' && !rooms.some((row) => row.room.toLowerCase() === letters);
    list.replaceChildren(...found.map((row) => choice(`#${row.room}`, row.topic, plural(row.members, 'member'), () => go(row.room))),
      isNew ? choice(`Create #${name}`, '', '', () => go(name)) : '');
  };
  input.addEventListener('input', show);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const name = input.value.trim().replace(/^#/, '');
    if (name !== '') go(name);
  });
  input.focus();
  try {
    rooms = (await app.session.rooms()).rooms ?? [];
  } catch {
    rooms = app.session.state.order.filter((key) => key.startsWith('#')).map((key) => app.session.state.rooms[key]).map((room) => ({ room: room.name, members: room.members, topic: room.topic }));
  }
  show();
}

/** @param {string} name @param {string} topic @param {string} note @param {() => void} act */
function choice(name, topic, note, act) {
  return h('li', null, h('button', { type: 'button', class: 'result line-result', onclick: act },
    h('bdi', { class: 'room-name' }, name), h('span', { class: 'cut note', dir: 'auto' }, topic), h('span', { class: 'note' }, note)));
}
