// Wires: the live connections of the server, with what waits for each, once a second while it is looked at.

/** @import { App } from '../app.js' */
/** @import { LiveWire } from '../state/types.js' */
import { bytesInWords, hueOf, plural, viaInWords } from '../state/words.js';
import { h, jack, panel } from './dom.js';

const EVERY_MS = 1_000;

/** @param {App} _app */
export function open(_app) {
  const words = h('p', { class: 'lead', role: 'status' }, 'Looking…');
  const body = h('tbody');
  const heads = ['Who', 'Transport', 'Protocol', 'Address', 'Rooms', 'Outbox', 'Round trip', 'Silent for'];
  const table = h('table', { class: 'wires-table' }, h('caption', { class: 'unseen' }, 'Live connections'),
    h('thead', null, h('tr', null, ...heads.map((head, at) => h('th', { scope: 'col', class: at > 3 ? 'figure' : '' }, head)))), body);
  const dialog = panel('Wires', 'wide', words, h('div', { class: 'across', tabindex: '0', role: 'region', 'aria-label': 'Live connections' }, table));
  const look = async () => {
    if (!dialog.isConnected) return;
    try {
      const answer = await fetch('wires.json');
      if (answer.status === 403) {
        words.textContent = 'The server shows its wires to its own machine only; http.wires in its configuration allows others.';
        table.hidden = true;
        return;
      }
      /** @type {{ total: number, wires: LiveWire[] }} */
      const { total, wires } = await answer.json();
      words.textContent = `${plural(total, 'live connection')}${total > wires.length ? `, ${wires.length} shown` : ''}`;
      body.replaceChildren(...wires.map(row));
    } catch {
      words.textContent = 'Server away.';
    }
    setTimeout(look, EVERY_MS);
  };
  look();
}

/** @param {LiveWire} wire */
function row(wire) {
  const silent = wire.silent_ms < 1_000 ? 'now' : `${Math.floor(wire.silent_ms / 1_000)} s`;
  const who = wire.nick ?? '';
  return h('tr', { class: `${wire.outbox_bytes > 0 ? 'waiting ' : ''}hue-${hueOf(who)}` },
    h('td', { class: 'author who' }, h('bdi', null, who)), h('td', null, jack(wire.via, ''), viaInWords(wire.via)), h('td', null, wire.protocol), h('td', null, wire.address ?? ''),
    h('td', { class: 'figure' }, String(wire.rooms)), h('td', { class: 'figure' }, bytesInWords(wire.outbox_bytes)),
    h('td', { class: 'figure' }, wire.rtt_us === null ? '' : `${(wire.rtt_us / 1_000).toFixed(2)} ms`), h('td', { class: 'figure' }, silent));
}
