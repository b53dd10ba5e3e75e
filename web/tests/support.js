// What the browser tests share: the real server, a real browser, line clients, and a proxy that can be cut.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

export const PROGRAM = process.env.SWITCHBOARD ?? fileURLToPath(new URL('../../target/debug/switchboard', import.meta.url));
const BROWSER = process.env.CHROMIUM ?? '/usr/bin/chromium';
/** How much slower pages are made, to find what only holds on a quiet machine: `SLOW=10 npm run browser`. */
const SLOW = Number(process.env.SLOW ?? 1);
/** Whoever waits this long waits in vain, on a busy machine, too. */
export const PATIENCE_MS = 90_000;
/** Tests say a lot in a short time. */
export const UNLIMITED = ['limits.messages_per_second=0', 'limits.commands_per_second=0'].flatMap((setting) => ['--set', setting]);

/**
 * Starts a server and waits until it is ready: on one port for everything, as people do.
 * @param {string[]} [options]
 * @param {{ directory?: string, choosesPort?: boolean }} [where] `choosesPort`: it is not told where to listen
 */
export async function serve(options = UNLIMITED, { directory, choosesPort = false } = {}) {
  const keep = directory === undefined ? ['--ephemeral'] : ['--data-dir', directory];
  const listen = choosesPort ? [] : ['--listen', '127.0.0.1:0'];
  const child = spawn(PROGRAM, ['serve', ...keep, ...listen, ...options], { stdio: ['ignore', 'pipe', 'pipe'] });
  // A test that failed does not stop its server.
  process.once('exit', () => child.kill('SIGKILL'));
  let said = '';
  child.stderr.on('data', (bytes) => { said += bytes; });
  const port = await new Promise((resolve, reject) => {
    let out = '';
    child.stdout.on('data', (bytes) => {
      out += bytes;
      const ready = /ready on 127\.0\.0\.1:(\d+)\s/.exec(out);
      if (ready) resolve(Number(ready[1]));
    });
    child.once('exit', () => reject(new Error(`the server ended:\n${said}`)));
  });
  const ended = new Promise((resolve) => { child.once('exit', resolve); });
  return {
    port, url: `http://127.0.0.1:${port}/`,
    /** @param {NodeJS.Signals} [signal] */
    stop(signal = 'SIGKILL') {
      child.kill(signal);
      return ended;
    },
  };
}

/** A directory for a history that outlives its server. */
export function directory() {
  const path = mkdtempSync(join(tmpdir(), 'switchboard-page-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** @param {string[]} [more] */
export function browse(more = []) {
  return chromium.launch({
    executablePath: BROWSER,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--enable-precise-memory-info', ...more],
  });
}

/**
 * A page of somebody new; everything that should not happen on it is collected in `faults`.
 * @param {import('playwright-core').Browser} browser
 * @param {string} url
 * @param {Record<string, any>} [options]
 */
export async function visit(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await open(context, url);
  return { context, page, faults: page.faults };
}

/**
 * One more tab of somebody.
 * @param {import('playwright-core').BrowserContext} context
 * @param {string} url
 * @param {(page: import('playwright-core').Page) => Promise<void>} [prepare]
 * @returns {Promise<import('playwright-core').Page & { faults: string[] }>}
 */
export async function open(context, url, prepare) {
  const page = await context.newPage();
  const faults = watch(page);
  if (SLOW > 1) await (await context.newCDPSession(page)).send('Emulation.setCPUThrottlingRate', { rate: SLOW });
  await prepare?.(page);
  await page.goto(url);
  return Object.assign(page, { faults });
}

/** @param {import('playwright-core').Page} page */
export function watch(page) {
  /** @type {string[]} */
  const faults = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('dialog', (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on('console', (message) => {
    // A server that is away, or that refuses, is what some tests are about.
    if (message.type() === 'error' && !/ERR_|WebSocket connection|Failed to load resource/.test(message.text())) faults.push(message.text());
  });
  return faults;
}

/**
 * Waits for the room, and says who one is.
 * @param {import('playwright-core').Page} page
 * @param {string} nick
 */
export async function call(page, nick) {
  await page.getByLabel('What should people call you?').fill(nick);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.locator('#nick').waitFor({ state: 'detached' });
}

/**
 * @param {import('playwright-core').Page} page
 * @param {string} text
 */
export async function say(page, text) {
  const box = page.getByRole('textbox', { name: 'Message' });
  await box.fill(text);
  await box.press('Enter');
}

/**
 * A message with this text; not what the live region says of it.
 * @param {import('playwright-core').Page} page
 * @param {string | RegExp} text
 */
export function message(page, text) {
  return page.locator('article', { hasText: text });
}

/**
 * The same, stored by the server.
 * @param {import('playwright-core').Page} page
 * @param {string | RegExp} text
 */
export function stored(page, text) {
  return page.locator('article:not(.sending, .waiting, .failed)', { hasText: text });
}

/**
 * Waits until these are the messages on the page, all of them stored: pages draw when they come to it, so a look at one
 * moment proves nothing.
 * @param {import('playwright-core').Page} page
 * @param {string[]} texts
 */
export async function shows(page, texts) {
  const wanted = JSON.stringify(texts);
  try {
    await page.waitForFunction((all) => {
      const its = [...document.querySelectorAll('article .body')].map((body) => body.textContent);
      return JSON.stringify(its) === all && !document.querySelector('article:is(.sending, .waiting)');
    }, wanted);
  } catch (error) {
    const its = await page.locator('article .body').allTextContents();
    throw new Error(`the page shows ${JSON.stringify(its)}, not ${wanted}`, { cause: error });
  }
}

/**
 * Begins to watch for a text that may be there for a moment only, and gives what ends when it was.
 * @param {import('playwright-core').Page} page
 * @param {string} selector
 * @param {string} text
 */
export async function watchFor(page, selector, text) {
  const seen = await page.evaluateHandle(([place, words]) => {
    const element = document.querySelector(place);
    const has = () => element.textContent.includes(words);
    return { promise: new Promise((resolve) => {
      if (has()) resolve(true);
      new MutationObserver(() => { if (has()) resolve(true); }).observe(element, { childList: true, characterData: true, subtree: true });
    }) };
  }, [selector, text]);
  return () => seen.evaluate(({ promise }) => promise);
}

/**
 * A line client, as `nc` is.
 * @param {number} port
 * @param {string} [first] its first line
 */
export async function plug(port, first) {
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => {});
  let heard = '';
  /** @type {(() => void)[]} */
  let waiting = [];
  socket.on('data', (bytes) => {
    heard += bytes;
    const woken = waiting;
    waiting = [];
    for (const wake of woken) wake();
  });
  await new Promise((resolve) => { socket.once('connect', resolve); });
  const client = {
    socket, heard: () => heard,
    /** @param {string} line */
    say: (line) => { socket.write(`${line}\n`); },
    /** @param {string | RegExp} what */
    async hears(what) {
      while (typeof what === 'string' ? !heard.includes(what) : !what.test(heard)) await new Promise((resolve) => { waiting.push(() => resolve(undefined)); });
    },
    end: () => socket.destroy(),
  };
  if (first !== undefined) client.say(first);
  return client;
}

/**
 * A program that speaks JSON, greeted.
 * @param {number} port
 * @param {string} nick
 */
export async function program(port, nick) {
  const client = await plug(port, JSON.stringify({ type: 'hello', nick, ref: 'hello' }));
  await client.hears('"ref":"hello"');
  return { ...client, tell: (/** @type {Record<string, unknown>} */ request) => client.say(JSON.stringify(request)) };
}

/**
 * What a network does to WebSockets that it does not want: says no, swallows the handshake, or lets it pass and hangs up.
 * @typedef {'refused' | 'swallowed' | 'closed'} Blocked
 */

/**
 * A proxy in front of a server, which can be cut and mended as networks are, and led to another server.
 * @param {number} to
 */
export async function proxy(to) {
  /** @type {Set<net.Socket>} */
  const sockets = new Set();
  let isCut = false;
  let target = to;
  /** @type {Blocked | ''} */
  let blocked = '';
  /** @param {net.Socket} near @param {Buffer} head */
  const pass = (near, head) => {
    const isWebSocket = /^upgrade: *websocket/im.test(head.toString('latin1'));
    if (isWebSocket && blocked !== '') {
      sockets.add(near);
      if (blocked === 'refused') near.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
      if (blocked !== 'closed') return;
    }
    const far = net.connect(target, '127.0.0.1');
    far.write(head);
    if (isWebSocket && blocked === 'closed') far.once('data', () => setImmediate(() => near.destroy()));
    for (const [one, other] of [[near, far], [far, near]]) {
      sockets.add(one);
      one.on('error', () => {});
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  };
  const server = net.createServer((near) => {
    if (isCut) return near.destroy();
    near.on('error', () => {});
    // Browsers open a connection of its own for a WebSocket: what it is begins with its first bytes.
    near.once('data', (head) => pass(near, head));
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', () => resolve(undefined)); });
  const { port } = /** @type {net.AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${port}/`,
    cut() {
      isCut = true;
      for (const socket of sockets) socket.destroy();
    },
    mend() { isCut = false; },
    /** @param {Blocked | ''} how */
    block(how) { blocked = how; },
    /** From now on this is where it leads: a server that comes back need not get its old port. @param {number} port */
    lead(port) { target = port; },
    end() {
      this.cut();
      server.close();
    },
  };
}
