// The connection to the server: opened, watched, and opened again; requests with their answers, events as they come.

/** @import { Incoming, Link, Owner, Transport, Wire } from './state/types.js' */
import { atLeast, elapsed, set, since } from './clock.js';

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
/** A transport on which the server has said nothing by then lets nothing through; after failures it has longer. */
const OPENING_MS = 5_000;
const OPENING_MS_MAX = 20_000;
/** Failures in a row with which a transport gives way to the next: of one that never worked here, and of one that did. */
const PATIENCE = { unproven: 1, proven: 4 };
/** On another one, the best transport is tried again after this time, and then after twice as long each time. */
const BETTER_MS = 15_000;
const BETTER_MS_MAX = 600_000;

/**
 * @param {string} url
 * @returns {Transport}
 */
export function webSocket(url) {
  return {
    name: 'websocket',
    open(hearer) {
      const socket = takeEarly() ?? new WebSocket(url, 'json');
      if (socket.readyState === WebSocket.OPEN) queueMicrotask(() => hearer.open());
      else socket.onopen = () => hearer.open();
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

/**
 * The socket that early.js opened, once, if it is still good for something.
 * @returns {WebSocket | null}
 */
function takeEarly() {
  const { early } = /** @type {{ early?: WebSocket }} */ (window);
  Object.assign(window, { early: undefined });
  return early && early.readyState <= WebSocket.OPEN ? early : null;
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
  /** Openings of the present transport in a row on which nothing was heard. */
  #mute = 0;
  #which;
  /** Transports on which something was heard. @type {Set<number>} */
  #proven = new Set();
  #isOpen = false;
  #lost = 0;
  /** How long ago anything was heard of the server. */
  #silence = since();
  #closing = '';
  #timer = 0;
  #watch = 0;
  #better = 0;
  #betterMs = BETTER_MS;

  /**
   * @param {Transport[]} transports the best one first
   * @param {Owner} owner
   * @param {string} [first] the name of the one to begin with, which worked before when better ones did not
   */
  constructor(transports, owner, first) {
    this.#transports = transports;
    this.#owner = owner;
    this.#which = Math.max(0, transports.findIndex(({ name }) => name === first));
  }

  /** Whether requests can be made. */
  get isOpen() {
    return this.#isOpen;
  }

  /** Connects now, whatever it was waiting for. */
  connect() {
    clearTimeout(this.#timer);
    this.#forget();
    this.#closing = '';
    this.#tell('connecting', '');
    let isHeard = false;
    const lost = (/** @type {string} */ reason) => {
      if (!isHeard && this.#givesWay()) this.connect();
      else this.#broken(reason);
    };
    const wire = this.#transports[this.#which].open({
      open: () => { if (this.#wire === wire) this.#hello(); },
      message: (text) => {
        if (this.#wire !== wire) return;
        isHeard = true;
        this.#mute = 0;
        this.#proven.add(this.#which);
        this.#receive(text);
      },
      closed: (reason) => { if (this.#wire === wire) lost(reason); },
    });
    this.#wire = wire;
    const patience = Math.min(OPENING_MS * (this.#failures + 1), OPENING_MS_MAX);
    this.#watch = window.setTimeout(() => lost('The server does not answer'), patience);
  }

  /** A transport let nothing through: whether there is one after it that may be tried at once. */
  #givesWay() {
    this.#mute += 1;
    if (this.#mute < (this.#proven.has(this.#which) ? PATIENCE.proven : PATIENCE.unproven)) return false;
    this.#mute = 0;
    this.#which = (this.#which + 1) % this.#transports.length;
    // After the last one, the server itself seems to be away.
    return this.#which !== 0;
  }

  /** Goes back to the best transport when it lets something through again. */
  #seekBetter() {
    if (this.#which === 0) return;
    this.#better = window.setTimeout(() => {
      const settle = (/** @type {boolean} */ works) => {
        clearTimeout(deadline);
        wire.close();
        if (!this.#isOpen) return;
        if (works) {
          this.#which = 0;
          this.#betterMs = BETTER_MS;
          this.connect();
        } else {
          this.#betterMs = Math.min(this.#betterMs * 2, BETTER_MS_MAX);
          this.#seekBetter();
        }
      };
      // A request that the server refuses begins no session, and its answer proves that both ways are free.
      const wire = this.#transports[0].open({
        open: () => wire.send('{}'), message: () => settle(true), closed: () => settle(false),
      });
      const deadline = window.setTimeout(() => settle(false), OPENING_MS);
    }, this.#betterMs);
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
    const silence = this.#silence();
    try {
      const welcome = await this.#ask({ type: 'hello', ...this.#owner.hello() });
      this.#isOpen = true;
      this.#failures = 0;
      this.#lost = 0;
      this.#owner.welcomed(welcome, this.#transports[this.#which].name, silence);
      this.#tell('open', '');
      this.#seekBetter();
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
    if (incoming.type === 'pong') set(incoming.time);
    else atLeast(incoming.time);
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
    this.#tell('waiting', this.#closing || reason.replace(/^\w+: /, ''));
  }

  #forget() {
    this.#wire?.close();
    this.#wire = null;
    this.#isOpen = false;
    clearTimeout(this.#watch);
    clearTimeout(this.#better);
    const requests = [...this.#requests.values()];
    this.#requests.clear();
    for (const { reject } of requests) reject(new Interrupted('The connection broke'));
  }

  #hear() {
    this.#silence = since();
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
   */
  #tell(phase, reason) {
    if (phase !== 'open') this.#lost ||= elapsed();
    this.#owner.changed({ phase, since: this.#lost, reason });
  }
}
