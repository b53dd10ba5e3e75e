// Notifications of the system: where they may be asked for, are allowed, and work, which are three things.

import { browser } from './storage.js';
import { plain } from './state/words.js';

export class Notices {
  /** Whether somebody wants them. */
  isOn = browser.get('notifies') === true;
  #isBroken = false;

  /** Whether there may be any: not on plain http from elsewhere, nor where only service workers may show them. */
  get isPossible() {
    return typeof Notification === 'function' && isSecureContext && !this.#isBroken;
  }

  /** Turns them on or off; gives why they stay off, or ''. */
  async toggle() {
    this.isOn = !this.isOn && this.isPossible && await isAllowed();
    const isRefused = !this.isOn && browser.get('notifies') !== true;
    browser.set('notifies', this.isOn);
    if (!isRefused) return '';
    return this.isPossible ? 'The browser does not allow notifications here; its settings for this page can.'
      : 'This browser shows no notifications of pages.';
  }

  /**
   * Shows one, if it may; one with the same tag is replaced.
   * @param {string} title @param {string} body @param {string} tag @param {() => void} act what a click does
   */
  show(title, body, tag, act) {
    if (!this.isOn || !this.isPossible) return;
    try {
      if (Notification.permission !== 'granted') return;
      const notice = new Notification(plain(title), { body: plain(body), tag });
      notice.onclick = () => {
        window.focus();
        act();
        notice.close();
      };
    } catch {
      // Chrome on Android has the class and the permission, and throws.
      this.#isBroken = true;
    }
  }
}

/** Asks for the permission; older browsers answer by a callback only, and some throw. */
async function isAllowed() {
  try {
    const answer = await new Promise((resolve, reject) => {
      Notification.requestPermission(resolve)?.then(resolve, reject);
    });
    return answer === 'granted';
  } catch {
    return false;
  }
}
