// Search: the words in one room or in all, newest first, with a way to the place.

/** @import { App } from '../app.js' */
/** @import { Incoming } from '../state/types.js' */
import { now } from '../clock.js';
import { beginning, dayInWords, hueOf, timeOfDay, viaInWords } from '../state/words.js';
import { h, jack, panel } from './dom.js';

/** @param {App} app @param {string} [words] */
export function open(app, words = '') {
  const current = app.session.room(app.current);
  const here = current && !current.isPerson ? current.name : '';
  const input = h('input', { type: 'text', role: 'searchbox', 'aria-label': 'Search', placeholder: here === '' ? 'Search all rooms' : `Search #${here}`, enterkeyhint: 'search', dir: 'auto', autocomplete: 'off' });
  const all = h('input', { type: 'checkbox', id: 'everywhere', ...(here === '' ? { checked: true } : {}) });
  const status = h('p', { class: 'lead', role: 'status' });
  const results = h('ul', { class: 'results', 'aria-label': 'Results' });
  const form = h('form', { class: 'search', role: 'search' }, input, h('label', { for: 'everywhere' }, all, ' All rooms'), h('button', { type: 'submit', class: 'main-button' }, 'Search'));
  const dialog = panel('Search', 'middle', form, status, results);
  let asked = 0;
  const search = async () => {
    const query = input.value.trim();
    asked += 1;
    const mine = asked;
    if (query === '') return;
    const names = all.checked ? app.session.state.order.filter((key) => key.startsWith('#')).map((key) => key.slice(1)) : [here];
    status.textContent = 'Searching…';
    try {
      const answers = await Promise.all(names.map((name) => app.session.search(name, query)));
      if (mine !== asked) return;
      const found = answers.flatMap((answer) => answer.events ?? []).sort((one, other) => Date.parse(other.time ?? '') - Date.parse(one.time ?? ''));
      results.replaceChildren(...found.map((event) => result(app, event, dialog)));
      const where = all.checked ? 'any room' : `#${here}`;
      // The index of a busy server trails what is said by a moment.
      const behind = Math.max(...answers.map((answer) => answer.behind ?? 0));
      const late = behind > 0 ? `. The latest ${behind} messages are not searched yet` : '';
      if (found.length > 0) status.textContent = `${found.length}${answers.some((answer) => answer.more) ? '+' : ''} found in ${where}${late}`;
      else {
        status.replaceChildren('Nothing for “', h('bdi', null, query), '” in ', h('bdi', null, where), `${late}. `, all.checked ? '' : h('button', { type: 'button', class: 'link', onclick: () => {
          all.checked = true;
          search();
        } }, 'Search all rooms'));
      }
    } catch (error) {
      status.textContent = error instanceof Error ? error.message : 'That did not work.';
    }
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    search();
  });
  input.value = words;
  input.focus();
  if (words !== '') search();
}

/** @param {App} app @param {Incoming} event @param {HTMLDialogElement} dialog */
function result(app, event, dialog) {
  const time = Date.parse(event.time ?? '');
  const text = event.text ?? '';
  const go = () => {
    dialog.close();
    if (app.current === `#${event.room}`) app.jump(event.seq ?? 0);
    else location.hash = `${app.addressOf(`#${event.room}`)}/${event.seq}`;
  };
  return h('li', null, h('button', { type: 'button', class: `result hue-${hueOf(event.from.nick)}`, onclick: go },
    h('span', { class: 'meta' }, jack(event.from.via, `by ${viaInWords(event.from.via)}`), h('bdi', { class: 'author' }, event.from.nick),
      h('bdi', null, `#${event.room}`), h('span', null, `${dayInWords(time, now())}, ${timeOfDay(time)}`)),
    h('span', { class: 'excerpt', dir: 'auto' }, beginning(text, 240))));
}
