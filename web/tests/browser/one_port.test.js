// A browser beside line clients on one port for everything: whoever connects ahead of need gets pages and no greeting.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import net from 'node:net';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { browse, call, message, PATIENCE_MS, PROGRAM, say, serve, stored, visit } from '../support.js';

let server;
let browser;
before(async () => { browser = await browse(); });
beforeEach(async () => { server = await serve(undefined, { choosesPort: true }); });
afterEach(() => server.stop());
after(() => browser.close());

/** Far longer than the silence after which `nc` is greeted. */
const AHEAD_MS = 1_200;
const sleep = (/** @type {number} */ ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** A real program, what it said, and a way to type. @param {string} command @param {string[]} words */
function run(command, ...words) {
  const child = spawn(command, words, { stdio: ['pipe', 'pipe', 'ignore'] });
  let heard = '';
  child.stdout.on('data', (bytes) => { heard += bytes; });
  return {
    /** @param {string} what */
    async hears(what) {
      const until = Date.now() + PATIENCE_MS;
      while (!heard.includes(what)) {
        assert.ok(Date.now() < until, `${command} heard ${JSON.stringify(heard)}, not ${what}`);
        await sleep(20);
      }
    },
    say: (/** @type {string} */ line) => child.stdin.write(`${line}\n`),
    end: () => child.kill(),
  };
}

test('a connection that the browser opened ahead of its first request brings the page', async () => {
  const context = await browser.newContext();
  await context.route(`${server.url}elsewhere`, (/** @type {import('playwright-core').Route} */ route) => route.fulfill({ contentType: 'text/html', body: 'x' }));
  const page = await context.newPage();
  // The browser connects for this navigation, which is then answered without the network.
  await page.goto(`${server.url}elsewhere`);
  await sleep(AHEAD_MS);
  await page.goto(server.url);
  await page.getByRole('textbox', { name: 'Message' }).waitFor();
  await context.close();
});

test('a proxy that connects before its client has spoken brings the page', async () => {
  const proxy = net.createServer((near) => {
    const far = net.connect(server.port, '127.0.0.1');
    for (const [one, other] of [[near, far], [far, near]]) {
      one.on('error', () => {});
      one.on('close', () => other.destroy());
    }
    far.pipe(near);
    // What the client sends comes late, as on a slow network.
    near.once('data', (head) => setTimeout(() => { far.write(head); near.pipe(far); }, AHEAD_MS));
  });
  await new Promise((resolve) => { proxy.listen(0, '127.0.0.1', () => resolve(undefined)); });
  const { port } = /** @type {net.AddressInfo} */ (proxy.address());
  const { page, context, faults } = await visit(browser, `http://127.0.0.1:${port}/`);
  await page.getByRole('textbox', { name: 'Message' }).waitFor();
  assert.deepEqual(faults, []);
  await context.close();
  proxy.close();
});

test('beside an open page nc and a program that only receives are greeted at once, and all hear each other', async () => {
  const { page, context, faults } = await visit(browser, server.url);
  await call(page, 'ada');
  const began = Date.now();
  const nc = run('nc.openbsd', 'localhost', String(server.port));
  const python = run('python3', '-c', `
import socket
s = socket.create_connection(("localhost", ${server.port}))
while True:
    print(s.recv(4096).decode(), end="", flush=True)`);
  await Promise.all([nc.hears('-- Welcome to Switchboard.'), python.hears('-- Welcome to Switchboard.')]);
  assert.ok(Date.now() - began < 60_000, 'long before the time after which everybody is greeted');
  nc.say('/nick carl');
  await nc.hears('You are carl');
  const terminal = run(PROGRAM, 'chat', '--plain', '--nick', 'dora', `tcp://127.0.0.1:${server.port}`);
  const udp = run('nc.openbsd', '-u', '127.0.0.1', String(server.port));
  udp.say('/nick emil');
  await udp.hears('emil');
  nc.say('hello from nc');
  await message(page, 'hello from nc').waitFor();
  udp.say('hello over UDP');
  await message(page, 'hello over UDP').waitFor();
  await page.getByText('dora').first().waitFor();
  terminal.say('hello from the terminal');
  await message(page, 'hello from the terminal').waitFor();
  await say(page, 'hello from a browser');
  await stored(page, 'hello from a browser').waitFor();
  for (const client of [nc, python, terminal, udp]) await client.hears('hello from a browser');
  assert.deepEqual(faults, []);
  for (const client of [nc, python, terminal, udp]) client.end();
  await context.close();
});
