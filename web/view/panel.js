// A dialog: one at a time, closed by Escape, its button, or a click beside it; the focus goes back to where it was.

import { h, icon } from './dom.js';

/**
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
