// The server goes away, or the network does: nothing is lost, nothing comes twice, and typing goes on.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { browse, call, directory, message, open, plug, program, proxy, say, serve, shows, stored, UNLIMITED, visit } from '../support.js';

let browser;
before(async () => { browser = await browse(); });
after(() => browser.close());

test('a cut is mended without a hole or a duplicate', async () => {
  const server = await serve();
  const wire = await proxy(server.port);
  const { page, context, faults } = await visit(browser, wire.url);
  await call(page, 'ada');
  const nc = await plug(server.port, 'before');
  await message(page, 'before').waitFor();
  wire.cut();
  for (let number = 1; number <= 20; number += 1) nc.say(`missed ${number}`);
  for (const text of ['mine 1', 'mine 2', 'mine 3']) await say(page, text);
  await page.getByText('Server away. 3 messages will go when it’s back.').waitFor();
  assert.equal(await page.locator('article.waiting').count(), 3);
  wire.mend();
  // The page tries by itself, too: the button may be gone before anybody presses it.
  await page.getByRole('button', { name: 'Try now' }).evaluateAll((buttons) => buttons.forEach((button) => button.click()));
  await nc.hears('mine 3');
  await page.locator('#banner').waitFor({ state: 'hidden' });
  const missed = Array.from({ length: 20 }, (_, at) => `missed ${at + 1}`);
  await shows(page, ['before', ...missed, 'mine 1', 'mine 2', 'mine 3']);
  assert.equal(nc.heard().match(/mine \d/g)?.length, 3);
  assert.equal(await page.getByText(/joined/).count(), 1, 'only nc came; nobody saw ada leave');
  assert.deepEqual(faults, []);
  await context.close();
  nc.end();
  wire.end();
  await server.stop();
});

test('a message whose acknowledgement was lost with the server is stored once', async () => {
  const place = directory();
  const first = await serve(UNLIMITED, { directory: place.path });
  const wire = await proxy(first.port);
  const { page, context, faults } = await visit(browser, wire.url);
  await call(page, 'ada');
  await say(page, 'kept');
  await stored(page, 'kept').waitFor();
  await first.stop();
  await say(page, 'written while it was down');
  await page.locator('article.waiting').waitFor();
  const second = await serve(UNLIMITED, { directory: place.path });
  wire.lead(second.port);
  await stored(page, 'written while it was down').waitFor();
  await page.reload();
  await shows(page, ['kept', 'written while it was down']);
  await page.locator('#me .author', { hasText: 'ada' }).waitFor();
  assert.deepEqual(faults, []);
  const reader = await program(second.port, 'reader');
  reader.tell({ type: 'history', room: 'lobby', ref: 'all' });
  await reader.hears(/"ref":"all".*\n/);
  assert.equal(reader.heard().split('written while it was down').length, 2);
  reader.end();
  await context.close();
  wire.end();
  await second.stop();
  place.remove();
});

test('a server that comes back with another history is begun anew', async () => {
  const first = await serve();
  const wire = await proxy(first.port);
  const { page, context, faults } = await visit(browser, wire.url);
  await call(page, 'ada');
  await say(page, 'of the old life');
  await stored(page, 'of the old life').waitFor();
  await first.stop();
  const second = await serve();
  wire.lead(second.port);
  const nc = await plug(second.port, 'of the new life');
  await shows(page, ['of the new life']);
  await page.locator('#me .author', { hasText: 'ada' }).waitFor();
  nc.end();
  assert.deepEqual(faults, []);
  await context.close();
  wire.end();
  await second.stop();
});

test('what the server refuses stays, says why, and can be tried again or thrown away', async () => {
  const server = await serve(['--set', 'limits.message_burst=2', '--set', 'limits.messages_per_second=2']);
  const { page, context, faults } = await visit(browser, server.url);
  await page.getByRole('heading', { name: '#lobby' }).waitFor();
  for (const number of [1, 2, 3, 4]) await say(page, `quick ${number}`);
  await shows(page, ['quick 1', 'quick 2', 'quick 3', 'quick 4']);
  await say(page, '/msg nobody-there hello');
  await page.getByText(/Not sent: /).waitFor();
  await page.getByRole('button', { name: 'Discard' }).click();
  await shows(page, []);
  assert.deepEqual(faults, []);
  await context.close();
  await server.stop();
});

test('two tabs and a copied tab are one user, and each shows everything once', async () => {
  const server = await serve();
  const { page: one, context, faults } = await visit(browser, server.url);
  await call(one, 'ada');
  const other = await open(context, server.url);
  await other.locator('#me', { hasText: 'ada' }).waitFor();
  await say(one, 'from the first tab');
  await other.getByRole('article', { name: /ada: from the first tab/ }).waitFor();
  const kept = await one.evaluate(() => sessionStorage.getItem('switchboard.session'));
  const copy = await open(context, server.url, (page) => page.addInitScript((session) => {
    if (sessionStorage.length === 0) sessionStorage.setItem('switchboard.session', session);
  }, kept));
  await copy.getByRole('article', { name: /from the first tab/ }).waitFor();
  await say(copy, 'from the copy');
  for (const page of [one, other]) await page.getByRole('article', { name: /ada: from the copy/ }).waitFor();
  await say(one, 'the first tab goes on');
  for (const page of [one, other, copy]) await shows(page, ['from the first tab', 'from the copy', 'the first tab goes on']);
  await one.waitForFunction(() => document.querySelectorAll('#side .row').length === 1);
  assert.deepEqual([faults, other.faults, copy.faults], [[], [], []]);
  await context.close();
  await server.stop();
});

test('the door opens with the join code, typed or in the link, and is remembered', async () => {
  const server = await serve([...UNLIMITED, '--set', 'auth.join_code=7KQ2ZD']);
  const { page, context, faults } = await visit(browser, server.url);
  await page.getByLabel('This server asks for its join code').fill('WRONG');
  await page.getByRole('button', { name: 'Join', exact: true }).click();
  await page.getByText('That is not the code.').waitFor();
  await page.getByLabel('This server asks for its join code').fill('7KQ2ZD');
  await page.getByRole('button', { name: 'Join', exact: true }).click();
  await page.getByRole('heading', { name: '#lobby' }).waitFor();
  await page.reload();
  await call(page, 'ada');
  const guest = await visit(browser, `${server.url}#pass=7KQ2ZD`);
  await guest.page.getByRole('heading', { name: '#lobby' }).waitFor();
  assert.ok(!guest.page.url().includes('7KQ2ZD'));
  assert.deepEqual([faults, guest.faults], [[], []]);
  await context.close();
  await guest.context.close();
  await server.stop();
});

test('it works on a plain-http address that is no loopback for the browser', async () => {
  const server = await serve([...UNLIMITED, '--set', 'http.hosts=["chat.test"]']);
  const mapped = await browse(['--host-resolver-rules=MAP chat.test 127.0.0.1']);
  const { page, faults } = await visit(mapped, `http://chat.test:${server.port}/`);
  assert.equal(await page.evaluate(() => isSecureContext), false);
  await call(page, 'ada');
  await say(page, 'hello from an insecure place');
  await stored(page, 'insecure').waitFor();
  await page.getByRole('button', { name: 'Plug in' }).click();
  await page.getByText(`nc chat.test ${server.port}`).waitFor();
  await page.getByRole('button', { name: 'Copy the line for nc' }).click();
  await page.getByText('Copied').first().waitFor();
  await page.getByRole('img', { name: /QR code of http:\/\/chat\.test/ }).waitFor();
  assert.ok(await page.getByRole('img', { name: /QR code/ }).evaluate((/** @type {HTMLImageElement} */ image) => image.decode().then(() => image.naturalWidth > 0)));
  assert.deepEqual(faults, []);
  await mapped.close();
  await server.stop();
});
