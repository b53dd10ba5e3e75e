// A message's exact bytes in each dialect of the server.

/** @import { App } from '../app.js' */
/** @import { Message } from '../state/types.js' */
import { plural } from '../state/words.js';
import { h, panel } from './dom.js';

/** @param {App} app @param {Message} item */
export async function open(app, item) {
  const place = h('div', { class: 'dialects' }, h('p', { role: 'status' }, 'Asking the server…'));
  panel('The same message on every wire', 'wide', place);
  const room = app.session.room(app.current);
  const event = {
    type: 'message', ...(item.seq === null ? { to: item.to } : { room: room?.name, seq: item.seq }), id: item.id ?? undefined,
    from: item.from, text: item.text, action: item.action || undefined, time: new Date(item.time).toISOString(),
  };
  try {
    const answer = await fetch('wires/dialects', { method: 'POST', body: JSON.stringify(event) });
    if (answer.status === 403) throw new Error('The server shows its wires to its own machine only; http.wires in its configuration allows others.');
    if (!answer.ok) throw new Error(await answer.text());
    /** @type {{ dialects: { dialect: string, hex: string }[] }} */
    const { dialects } = await answer.json();
    place.replaceChildren(...dialects.map(({ dialect, hex }) => h('section', null,
      h('h3', null, dialect, h('span', { class: 'count' }, plural(hex.length / 2, 'byte'))),
      h('pre', { tabindex: '0', 'aria-label': `${dialect}, bytes`, dir: 'ltr' }, h('code', null, dump(hex))))));
  } catch (error) {
    place.replaceChildren(h('p', null, error instanceof TypeError ? 'Server away.' : String(error instanceof Error ? error.message : error)));
  }
}

/** Sixteen bytes a line, as numbers and as the letters they are. @param {string} hex */
export function dump(hex) {
  const bytes = hex.match(/../g) ?? [];
  const lines = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.slice(at, at + 16);
    const letters = row.map((byte) => {
      const code = parseInt(byte, 16);
      return code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : '·';
    });
    lines.push(`${at.toString(16).padStart(4, '0')}  ${row.join(' ').padEnd(47)}  ${letters.join('')}`);
  }
  return lines.join('\n');
}
