// What the browser tests share: the real server, a real browser, line clients, and a proxy that can be cut.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const PROGRAM = process.env.SWITCHBOARD ?? fileURLToPath(new URL('../../target/debug/switchboard', import.meta.url));
const BROWSER = process.env.CHROMIUM ?? '/usr/bin/chromium';
/** Tests say a lot in a short time. */
export const UNLIMITED = ['limits.messages_per_second=0', 'limits.commands_per_second=0'].flatMap((setting) => ['--set', setting]);

/**
 * Starts a server and waits until it is ready.
 * @param {string[]} [options]
 * @param {{ port?: number, directory?: string }} [where]
 */
export async function serve(options = UNLIMITED, { port = 0, directory } = {}) {
  const keep = directory === undefined ? ['--ephemeral'] : ['--data-dir', directory];
  const child = spawn(PROGRAM, ['serve', ...keep, '--listen', `127.0.0.1:${port}`, ...options], { stdio: ['ignore', 'pipe', 'pipe'] });
  // A test that failed does not stop its server.
  process.once('exit', () => child.kill('SIGKILL'));
  let said = '';
  child.stderr.on('data', (bytes) => { said += bytes; });
  const bound = await new Promise((resolve, reject) => {
    let out = '';
    child.stdout.on('data', (bytes) => {
      out += bytes;
      const ready = /ready on 127\.0\.0\.1:(\d+)/.exec(out);
      if (ready) resolve(Number(ready[1]));
    });
    child.once('exit', () => reject(new Error(`the server ended:\n${said}`)));
  });
  const ended = new Promise((resolve) => { child.once('exit', resolve); });
  return {
    port: bound, url: `http://127.0.0.1:${bound}/`,
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
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  const faults = watch(page);
  await page.goto(url);
  return { context, page, faults };
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
  await page.getByRole('textbox', { name: 'Message' }).fill(text);
  await page.keyboard.press('Enter');
}

/** Texts of the messages on the page. @param {import('playwright-core').Page} page */
export function texts(page) {
  return page.locator('article .body').allTextContents();
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
 * A proxy in front of a server that can be cut and mended, as networks are.
 * @param {number} to
 */
export async function proxy(to) {
  /** @type {Set<net.Socket>} */
  const sockets = new Set();
  let isCut = false;
  const server = net.createServer((near) => {
    if (isCut) return near.destroy();
    const far = net.connect(to, '127.0.0.1');
    for (const [one, other] of [[near, far], [far, near]]) {
      sockets.add(one);
      one.on('error', () => {});
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
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
    end() {
      this.cut();
      server.close();
    },
  };
}
