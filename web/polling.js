// Long polling (Engine.IO 4), for networks that let no WebSocket through: requests that the server holds until it has
// something to say, and what the page says in requests of their own.

/** @import { Hearer, Transport } from './state/types.js' */

const SEPARATOR = '\x1e';
/** Letters of one request's body, if the server does not say. */
const BODY_MAX = 100_000;

/**
 * @param {string} url
 * @returns {Transport}
 */
export function polling(url) {
  return { name: 'polling', open: (hearer) => new Poll(url, hearer) };
}

/** One session. Its messages come and go in order: there is one request of each kind at a time. */
class Poll {
  #url;
  #hearer;
  #stop = new AbortController();
  #sid = '';
  #max = BODY_MAX;
  /** Packets that wait for the request before them. @type {string[]} */
  #waiting = [];
  #isSending = false;

  /** @param {string} url @param {Hearer} hearer */
  constructor(url, hearer) {
    this.#url = url;
    this.#hearer = hearer;
    this.#listen();
  }

  /** @param {string} text */
  send(text) {
    this.#waiting.push(`4${text}`);
    this.#flush();
  }

  /** Nothing is heard of it any more. The server notices that nobody waits, and keeps the session for a while. */
  close() {
    this.#stop.abort();
  }

  async #listen() {
    try {
      while (!this.#stop.signal.aborted) {
        const payload = await this.#ask();
        for (const packet of payload?.split(SEPARATOR) ?? []) this.#take(packet);
      }
    } catch {
      this.#end();
    }
  }

  /** @param {string} packet */
  #take(packet) {
    if (this.#stop.signal.aborted) return;
    switch (packet[0]) {
      case '0': {
        const { sid, maxPayload } = JSON.parse(packet.slice(1));
        this.#sid = `&sid=${encodeURIComponent(sid)}`;
        this.#max = Math.min(this.#max, maxPayload);
        this.#hearer.open();
        break;
      }
      case '1': this.#end(); break;
      case '2':
        this.#waiting.push('3');
        this.#flush();
        break;
      case '4': this.#hearer.message(packet.slice(1)); break;
      case '6': break;
      // Somebody else answered: a proxy, or the page of a network that wants to be paid.
      default: this.#end();
    }
  }

  async #flush() {
    if (this.#isSending) return;
    this.#isSending = true;
    while (this.#waiting.length > 0 && !this.#stop.signal.aborted) {
      let body = this.#waiting.shift() ?? '';
      while (this.#waiting.length > 0 && body.length + 1 + this.#waiting[0].length <= this.#max) body += SEPARATOR + this.#waiting.shift();
      await this.#ask(body);
    }
    this.#isSending = false;
  }

  /**
   * Makes a request; one that fails ends the session.
   * @param {string} [body] what to say; nothing: what is there to hear
   * @returns {Promise<string | null>}
   */
  async #ask(body) {
    try {
      const answer = await fetch(`${this.#url}?EIO=4&transport=polling${this.#sid}`, {
        method: body === undefined ? 'GET' : 'POST', body, cache: 'no-store', signal: this.#stop.signal,
      });
      if (answer.ok) return await answer.text();
    } catch {
      // The network or a proxy is in the way; or it was closed, and nobody is told.
    }
    this.#end();
    return null;
  }

  #end() {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    this.#hearer.closed('');
  }
}
