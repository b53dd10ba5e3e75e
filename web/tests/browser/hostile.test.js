// A hostile peer: nothing it says becomes more than text, and nothing it does makes the page stand still.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { browse, call, message, plug, program, serve, UNLIMITED, visit } from '../support.js';

let browser;
before(async () => { browser = await browse(); });
after(() => browser.close());

const EVIL = [
  '<script>window.broken = 1</script>', '<img src=x onerror="window.broken = 1">', '"><svg/onload=window.broken=1>',
  '[x](javascript:window.broken=1) javascript:window.broken=1', 'https://example.org/"onmouseover="window.broken=1',
  '```<iframe srcdoc="<script>parent.broken=1</script>">```', '> <b onclick=window.broken=1>quote</b>', '`${window.broken=1}` {{constructor.constructor("window.broken=1")()}}',
];

test('markup, script links and template tricks stay text', async () => {
  const server = await serve();
  const { page, context, faults } = await visit(browser, server.url);
  /** @type {string[]} */
  const violations = [];
  await page.exposeFunction('violated', (/** @type {string} */ what) => violations.push(what));
  await page.evaluate(() => document.addEventListener('securitypolicyviolation', (event) => window.violated(event.violatedDirective)));
  const peer = await program(server.port, 'mallory');
  EVIL.forEach((text, at) => peer.tell({ type: 'message', text, ref: String(at) }));
  peer.tell({ type: 'topic', text: EVIL[1], room: 'lobby' });
  peer.tell({ type: 'join', room: 'x"onclick=window.broken=1' });
  await page.waitForFunction((count) => document.querySelectorAll('article').length === count, EVIL.length);
  await page.locator('.topic', { hasText: 'onerror' }).waitFor();
  const alien = await page.evaluate(() => [...document.querySelectorAll('main script, main img, main iframe, main b[onclick], main svg[onload], a[href^="javascript"], [onmouseover]')].length);
  assert.equal(alien, 0);
  for (const link of await page.locator('article a').all()) assert.match(await link.getAttribute('href'), /^https:\/\/example\.org\//);
  assert.equal(await page.evaluate(() => window.broken), undefined);
  assert.deepEqual([violations, faults], [[], []]);
  // The policy is in force: what the page itself would not do is stopped.
  const inserted = await page.evaluate(() => {
    try {
      document.body.insertAdjacentHTML('beforeend', '<p>markup</p>');
      return 'inserted';
    } catch (error) {
      return error.name;
    }
  });
  assert.equal(inserted, 'TypeError');
  peer.end();
  await context.close();
  await server.stop();
});

test('words without end and overrides stay within their message', async () => {
  const server = await serve([...UNLIMITED, ...['message_chars=70000', 'line_bytes=512KiB', 'frame_bytes=512KiB', 'outbox_bytes=4MiB', 'gate_bytes=1MiB'].flatMap((limit) => ['--set', `limits.${limit}`])]);
  const { page, context, faults } = await visit(browser, server.url, { viewport: { width: 360, height: 700 } });
  const peer = await program(server.port, 'mallory');
  peer.tell({ type: 'message', text: 'w'.repeat(64 * 1024) });
  peer.tell({ type: 'message', text: `\u202Egnp.exe\u2066 ${'\u0301'.repeat(200)}` });
  peer.tell({ type: 'message', text: '```\n'.repeat(5_000) });
  peer.tell({ type: 'message', text: 'line\n'.repeat(500) });
  peer.tell({ type: 'message', text: 'the end' });
  await message(page, 'the end').waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
  assert.ok(await page.evaluate(() => document.querySelector('#log').scrollWidth <= document.querySelector('#log').clientWidth));
  for (const button of await page.getByRole('button', { name: /Show all/ }).all()) assert.ok(await button.evaluate((element) => element.closest('article').offsetHeight < 900));
  await page.getByRole('button', { name: /Show all \(65,536/ }).click();
  await page.getByRole('button', { name: 'Show less' }).waitFor();
  const direction = await page.locator('article', { hasText: 'the end' }).evaluate((element) => getComputedStyle(element).direction);
  assert.equal(direction, 'ltr');
  assert.deepEqual(faults, []);
  peer.end();
  await context.close();
  await server.stop();
});

test('a thousand joins a second are one line, and the page goes on', async () => {
  const server = await serve([...UNLIMITED, '--set', 'limits.commands_per_second=0']);
  const { page, context, faults } = await visit(browser, server.url);
  await call(page, 'ada');
  const peers = await Promise.all(Array.from({ length: 10 }, (_, at) => program(server.port, `m${at}`)));
  for (let round = 0; round < 50; round += 1) {
    for (const peer of peers) {
      peer.tell({ type: 'leave', room: 'lobby' });
      peer.tell({ type: 'join', room: 'lobby' });
    }
  }
  const nc = await plug(server.port, 'still here');
  await message(page, 'still here').waitFor();
  assert.ok(await page.locator('#log > *').count() < 12);
  assert.ok(await page.evaluate(() => document.querySelectorAll('*').length) < 600);
  for (const client of [nc, ...peers]) client.end();
  assert.deepEqual(faults, []);
  await context.close();
  await server.stop();
});
