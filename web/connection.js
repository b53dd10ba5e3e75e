// The connection to the server: opened, watched, and opened again; requests with their answers, events as they come.

/** @import { Incoming, Link } from './state/types.js' */

/**
 * A way of carrying messages to the server and back. A WebSocket is one; another one takes its place in the list of a
 * connection, which tries the next when one cannot be opened.
 * @typedef {{ send(text: string): void, close(): void }} Wire
 * @typedef {{ open(): void, message(text: string): void, closed(reason: string): void }} Hearer
 * @typedef {{ name: string, open(hearer: Hearer): Wire }} Transport
 */

/**
 * What the page wants to know of its connection.
 * @typedef {{
 *   hello(): Record<string, unknown>,
 *   welcomed(welcome: Incoming): void,
 *   refused(error: Incoming): 'again' | 'wait',
 *   heard(event: Incoming): void,
 *   changed(link: Link): void,
 *   ended(closing: Incoming): 'again' | 'stay',
 * }} Owner
 */

/** The server said no. */
export class Refused extends Error {
  /** @param {Incoming} error */
  constructor(error) {
    super(error.message ?? 'The server refused');
    this.code = error.code ?? '';
  }
}

/** The connection broke before the answer came. */
export class Interrupted extends Error {}

/** Silence after which the server is asked whether it is there. */
const QUIET_MS = 20_000;
/** And how long its answer may take. */
const PONG_MS = 8_000;
const BACKOFF_MS = [300, 1_000, 2_000, 4_000, 8_000, 15_000];
/** A transport that could not be opened as many times in a row gives way to the next. */
const OPENINGS_MAX = 2;

/**
 * @param {string} url
 * @returns {Transport}
 */
export function webSocket(url) {
  return {
    name: 'websocket',
    open(hearer) {
      const socket = new WebSocket(url, 'json');
      socket.onopen = () => hearer.open();
      socket.onmessage = (event) => { if (typeof event.data === 'string') hearer.message(event.data); };
      socket.onclose = (event) => hearer.closed(event.reason);
      return {
        send: (text) => socket.send(text),
        close: () => {
          socket.onopen = socket.onmessage = socket.onclose = null;
          socket.close();
        },
      };
    },
  };
}

export class Connection {
  #transports;
  #owner;
  /** @type {Wire | null} */
  #wire = null;
  /** @type {Map<string, { resolve: (answer: Incoming) => void, reject: (error: Error) => void }>} */
  #requests = new Map();
  #reference = 0;
  #failures = 0;
  #openings = 0;
  #which = 0;
  #isOpen = false;
  #lost = 0;
  #closing = '';
  #timer = 0;
  #watch = 0;

  /**
   * @param {Transport[]} transports the best one first
   * @param {Owner} owner
   */
  constructor(transports, owner) {
    this.#transports = transports;
    this.#owner = owner;
  }

  /** Whether requests can be made. */
  get isOpen() {
    return this.#isOpen;
  }

  /** Connects now, whatever it was waiting for. */
  connect() {
    clearTimeout(this.#timer);
    this.#wire?.close();
    this.#closing = '';
    this.#tell('connecting', '');
    let opened = false;
    const transport = this.#transports[this.#which % this.#transports.length];
    const wire = transport.open({
      open: () => {
        opened = true;
        this.#openings = 0;
        this.#hear();
        this.#hello();
      },
      message: (text) => { if (this.#wire === wire) this.#receive(text); },
      closed: (reason) => {
        if (this.#wire !== wire) return;
        this.#openings += 1;
        if (!opened && this.#openings >= OPENINGS_MAX) {
          this.#which += 1;
          this.#openings = 0;
        }
        this.#broken(reason);
      },
    });
    this.#wire = wire;
  }

  /** Asks whether the server is still there, as after a sleep. */
  check() {
    if (this.#isOpen) this.#ping();
    else if (this.#wire === null) this.connect();
  }

  /**
   * Sends a request.
   * @param {Record<string, unknown>} command
   * @returns {Promise<Incoming>} its answer; rejected with `Refused` or `Interrupted`
   */
  request(command) {
    if (!this.#isOpen || !this.#wire) return Promise.reject(new Interrupted('There is no connection'));
    return this.#ask(command);
  }

  /**
   * Sends what gets no answer worth waiting for.
   * @param {Record<string, unknown>} command
   */
  tell(command) {
    if (this.#isOpen) this.#wire?.send(JSON.stringify(command));
  }

  /**
   * @param {Record<string, unknown>} command
   * @returns {Promise<Incoming>}
   */
  #ask(command) {
    this.#reference += 1;
    const ref = String(this.#reference);
    return new Promise((resolve, reject) => {
      this.#requests.set(ref, { resolve, reject });
      this.#wire?.send(JSON.stringify({ ...command, ref }));
    });
  }

  async #hello() {
    try {
      const welcome = await this.#ask({ type: 'hello', ...this.#owner.hello() });
      this.#isOpen = true;
      this.#failures = 0;
      this.#lost = 0;
      this.#owner.welcomed(welcome);
      this.#tell('open', '');
    } catch (error) {
      if (!(error instanceof Refused)) return;
      const answer = this.#owner.refused({ type: 'error', code: error.code, message: error.message });
      if (answer === 'again') await this.#hello();
      else this.#tell('locked', error.code);
    }
  }

  /** Says hello again on the same connection, now that there is something else to say. */
  helloAgain() {
    if (this.#wire && !this.#isOpen) this.#hello();
  }

  /** @param {string} text */
  #receive(text) {
    this.#hear();
    /** @type {Incoming} */
    let incoming;
    try {
      incoming = JSON.parse(text);
    } catch {
      return;
    }
    const request = incoming.ref === undefined ? undefined : this.#requests.get(incoming.ref);
    if (request && incoming.ref !== undefined) {
      this.#requests.delete(incoming.ref);
      if (incoming.type === 'error') request.reject(new Refused(incoming));
      else request.resolve(incoming);
      return;
    }
    if (incoming.type === 'closing') {
      this.#closing = incoming.message ?? '';
      if (incoming.reconnect === false) this.#end(incoming);
      return;
    }
    this.#owner.heard(incoming);
  }

  /** @param {Incoming} closing */
  #end(closing) {
    this.#forget();
    if (this.#owner.ended(closing) === 'again') this.connect();
    else this.#tell('ended', closing.message ?? '');
  }

  /** @param {string} reason */
  #broken(reason) {
    this.#forget();
    const wait = BACKOFF_MS[Math.min(this.#failures, BACKOFF_MS.length - 1)] * (0.75 + Math.random() / 2);
    this.#failures += 1;
    this.#timer = window.setTimeout(() => this.connect(), wait);
    this.#tell('waiting', this.#closing || reason.replace(/^\w+: /, ''), Date.now() + wait);
  }

  #forget() {
    this.#wire?.close();
    this.#wire = null;
    this.#isOpen = false;
    clearTimeout(this.#watch);
    const requests = [...this.#requests.values()];
    this.#requests.clear();
    for (const { reject } of requests) reject(new Interrupted('The connection broke'));
  }

  #hear() {
    clearTimeout(this.#watch);
    this.#watch = window.setTimeout(() => this.#ping(), QUIET_MS);
  }

  #ping() {
    if (!this.#isOpen) return;
    clearTimeout(this.#watch);
    this.#watch = window.setTimeout(() => this.#broken('The server does not answer'), PONG_MS);
    this.#ask({ type: 'ping' }).catch(() => {});
  }

  /**
   * @param {Link['phase']} phase
   * @param {string} reason
   * @param {number} [retryAt]
   */
  #tell(phase, reason, retryAt = 0) {
    if (phase !== 'open') this.#lost ||= Date.now();
    this.#owner.changed({ phase, since: this.#lost, reason, retryAt });
  }
}
