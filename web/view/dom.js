// Making elements and dialogs: never from strings of markup, so that nothing people write can become an element.

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * An element with its attributes, listeners (`onclick`) and children. `class` and `aria-...` are attributes.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any> | null} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/**
 * The element of the document with this id.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function find(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element;
}

/**
 * A drawn icon of the sheet in icons.svg.
 * @param {string} name
 */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('viewBox', '0 0 20 20');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

/** Outlines on a grid of 20. @type {Record<string, string>} */
const ICONS = {
  menu: 'M3 5h14M3 10h14M3 15h14',
  people: 'M10 9.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM4 16.5c.6-3 3-4.5 6-4.5s5.4 1.5 6 4.5',
  search: 'M9 14.500a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11ZM13 13l4 4',
  plug: 'M7 3v4M13 3v4M5 7h10v3a5 5 0 0 1-10 0V7ZM10 15v3',
  wires: 'M3 5h5c4 0 0 10 4 10h5M3 15h3M14 5h3',
  close: 'M5 5l10 10M15 5L5 15',
  plus: 'M10 4v12M4 10h12',
  send: 'M10 16.500V4M5 9l5-5 5 5',
  copy: 'M7 7V4h9v9h-3M4 7h9v9H4V7Z',
  reply: 'M8 5L4 9l4 4M4 9h7c3 0 5 2 5 5v1',
  bytes: 'M7 5l-4 5 4 5M13 5l4 5-4 5',
  down: 'M10 4v11M5 10.500l5 5 5-5',
  check: 'M4 10.500l4 4 8-9',
  more: 'M5 10h.01M10 10h.01M15 10h.01',
  sun: 'M10 13.500a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM10 2v1.500M10 16.500V18M2 10h1.500M16.5 10H18M4.3 4.300l1.1 1.100M14.6 14.600l1.1 1.100M4.3 15.700l1.1-1.100M14.6 5.400l1.1-1.1',
  bell: 'M5 14V9a5 5 0 0 1 10 0v5l1.5 1.500h-13L5 14ZM8.5 17.500h3',
  link: 'M8.5 11.500l3-3M7 9l-2 2a3 3 0 0 0 4 4l2-2M13 11l2-2a3 3 0 0 0-4-4L9 7',
  help: 'M7.5 7.500a2.5 2.5 0 1 1 3.5 2.300c-.7.4-1 .8-1 1.700M10 14.500h.01',
};

/**
 * Whether a key belongs to an input method: it chooses among characters, or ends a composition. Safari reports the end
 * before the key, which then has this code only; so do keyboards on glass.
 * @param {KeyboardEvent} event
 */
export function isOfInputMethod(event) {
  return event.isComposing || event.keyCode === 229;
}

/**
 * Puts a text on the clipboard, on plain-http pages too, where the browser has no better way.
 * @param {string} text
 * @returns {Promise<boolean>} whether it is there
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = h('textarea', { class: 'hidden', 'aria-hidden': 'true' });
    area.value = text;
    (document.querySelector('dialog[open]') ?? document.body).append(area);
    const focused = document.activeElement;
    area.select();
    try {
      return document.execCommand('copy');
    } catch {
      return false;
    } finally {
      area.remove();
      if (focused instanceof HTMLElement) focused.focus();
    }
  }
}

/**
 * The mark of a transport: its shape says by which socket, its hue by whom.
 * @param {string} via
 * @param {string} label for those who do not see it; empty where the words stand beside it
 */
export function jack(via, label) {
  const shape = ['tcp', 'tls', 'udp', 'websocket', 'polling'].includes(via) ? via : 'tcp';
  return label === ''
    ? h('span', { class: `jack jack-${shape}`, 'aria-hidden': 'true' })
    : h('span', { class: `jack jack-${shape}`, role: 'img', 'aria-label': label, title: label });
}

/**
 * Tells whoever listens to the page; nothing is seen.
 * @param {string} text
 */
export function announce(text) {
  const region = find('live');
  // The same words again are news only if the region was empty in between.
  region.textContent = '';
  requestAnimationFrame(() => { region.textContent = text; });
}

/**
 * A dialog: one at a time, closed by Escape, its button, or a click beside it; the focus goes back to where it was.
 * @param {string} title
 * @param {string} kind the class that gives it its size
 * @param {...(Node | string)} content
 */
export function panel(title, kind, ...content) {
  document.querySelector('dialog[open]')?.remove();
  const close = h('button', { type: 'button', class: 'tool', 'aria-label': 'Close', title: 'Close (Esc)' }, icon('close'));
  const dialog = h('dialog', { class: `panel ${kind}`, 'aria-labelledby': 'panel-title' },
    h('header', { class: 'panel-head' }, h('h2', { id: 'panel-title' }, title), close),
    h('div', { class: 'panel-body', tabindex: '0', role: 'group', 'aria-labelledby': 'panel-title' }, ...content));
  close.addEventListener('click', () => dialog.close());
  dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
