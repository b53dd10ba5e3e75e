// Every socket, one room: browsers and line clients talk, and each sees by which socket the others came.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { io } from 'socket.io-client';
import { browse, call, message, plug, say, serve, shows, visit, watchFor } from '../support.js';

let server;
let browser;
before(async () => { browser = await browse(); });
beforeEach(async () => { server = await serve(); });
afterEach(() => server.stop());
after(() => browser.close());

test('two browsers and nc hear each other, in one order', async () => {
  // All of them on the one port.
  const url = `http://127.0.0.1:${server.port}/`;
  const [ada, bob] = await Promise.all([visit(browser, url), visit(browser, url)]);
  await call(ada.page, 'ada');
  await call(bob.page, 'bob');
  const nc = await plug(server.port, '/nick carl');
  await nc.hears('carl');
  await say(ada.page, 'hello from a browser');
  await nc.hears('<ada> hello from a browser');
  nc.say('hello from nc');
  await message(bob.page, 'hello from nc').waitFor();
  await say(bob.page, 'hello to both');
  for (const { page } of [ada, bob]) await shows(page, ['hello from a browser', 'hello from nc', 'hello to both']);
  const article = bob.page.getByRole('article', { name: /carl: hello from nc, .*by TCP/ });
  assert.equal(await article.getByRole('img', { name: 'by TCP' }).count(), 1);
  assert.match(await bob.page.getByRole('article', { name: /ada: hello/ }).getAttribute('aria-label'), /by WebSocket/);
  nc.end();
  await bob.page.getByText(/carl.* left/).waitFor();
  assert.deepEqual([ada.faults, bob.faults], [[], []]);
  await ada.context.close();
  await bob.context.close();
});

for (const transport of ['websocket', 'polling']) {
  test(`two browsers, nc and a Socket.IO client on ${transport} are in one room`, async () => {
    const [ada, bob] = await Promise.all([visit(browser, server.url), visit(browser, server.url)]);
    await call(ada.page, 'ada');
    await call(bob.page, 'bob');
    const nc = await plug(server.port, '/nick carl');
    await nc.hears('carl');
    await ada.page.getByRole('button', { name: 'Plug in' }).click();
    const socket = io(server.url, { transports: [transport], auth: { nick: 'dora' }, forceNew: true });
    /** @type {string[]} */
    const heard = [];
    const hearsAll = new Promise((resolve) => {
      socket.on('message', ({ from, text }) => { if (heard.push(`${from.nick}: ${text}`) === 3) resolve(undefined); });
    });
    assert.equal((await socket.emitWithAck('message', 'hello from Socket.IO')).ok, true);
    await ada.page.locator('[data-line="socketio"].arrived', { hasText: 'dora' }).waitFor();
    await ada.page.keyboard.press('Escape');
    await nc.hears('<dora> hello from Socket.IO');
    nc.say('hello from nc');
    await message(bob.page, 'hello from nc').waitFor();
    await say(ada.page, 'hello from ada');
    await message(bob.page, 'hello from ada').waitFor();
    await say(bob.page, 'hello from bob');
    await hearsAll;
    assert.deepEqual(heard, ['carl: hello from nc', 'ada: hello from ada', 'bob: hello from bob']);
    for (const { page } of [ada, bob]) await shows(page, ['hello from Socket.IO', 'hello from nc', 'hello from ada', 'hello from bob']);
    const by = transport === 'websocket' ? 'WebSocket' : 'long polling';
    await bob.page.getByRole('article', { name: new RegExp(`dora: hello from Socket.IO, .*by ${by}`) }).waitFor();
    socket.disconnect();
    nc.end();
    assert.deepEqual([ada.faults, bob.faults], [[], []]);
    await ada.context.close();
    await bob.context.close();
  });
}

test('a line of the Plug in panel is ticked when its client arrives', async () => {
  const { page, context, faults } = await visit(browser, server.url);
  await page.getByRole('button', { name: 'Plug in' }).click();
  const dialog = page.getByRole('dialog', { name: 'Plug something in' });
  const lines = await dialog.locator('code').allTextContents();
  assert.ok(lines.includes(`nc 127.0.0.1 ${server.port}`));
  assert.ok(lines.every((line) => line.includes(String(server.port)) || line.includes('--lan')), lines.join('\n'));
  await dialog.getByRole('button', { name: 'Copy the line for Python' }).click();
  const python = await plug(server.port, 'Hello from Python');
  await dialog.locator('[data-line="python"].arrived').waitFor();
  assert.equal(await dialog.locator('[data-line="udp"].arrived').count(), 0);
  python.end();
  assert.deepEqual(faults, []);
  await context.close();
});

test('Wires shows the live connections, and a message in the bytes of each dialect', async () => {
  const { page, context, faults } = await visit(browser, server.url);
  const nc = await plug(server.port, '/nick bob');
  nc.say('bytes, please');
  await message(page, 'bytes, please').waitFor();
  await page.getByRole('button', { name: 'Wires' }).click();
  const dialog = page.getByRole('dialog', { name: 'Wires' });
  await dialog.getByRole('row', { name: /bob TCP text 127\.0\.0\.1:\d+ 1 0 B \d+\.\d\d ms/ }).waitFor();
  await dialog.getByRole('row', { name: /WebSocket json/ }).first().waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('article', { name: /bytes, please/ }).hover();
  await page.getByRole('button', { name: 'Show its bytes' }).click();
  const dump = page.getByRole('dialog').locator('pre').first();
  await dump.waitFor();
  assert.match(await dump.textContent(), /^0000 {2}3c 62 6f 62 3e 20/);
  const packet = page.getByRole('dialog').locator('section', { hasText: 'Socket.IO over long polling' });
  assert.match(await packet.locator('pre').textContent(), /^0000 .* {2}42\["message",\{"r\n/);
  nc.end();
  assert.deepEqual(faults, []);
  await context.close();
});

test('rooms, private words, topics, search and links', async () => {
  const [ada, bob] = await Promise.all([visit(browser, server.url), visit(browser, `${server.url}#/room/design`)]);
  await call(ada.page, 'ada');
  await call(bob.page, 'bob');
  await bob.page.getByRole('heading', { name: '#design' }).waitFor();
  await say(bob.page, 'the zebra crossing is blue');
  await say(bob.page, '/topic stripes');
  await bob.page.locator('.topic', { hasText: 'stripes' }).waitFor();
  await say(ada.page, '/join design');
  await message(ada.page, 'the zebra crossing is blue').waitFor();
  await ada.page.getByRole('link', { name: 'lobby' }).click();
  await ada.page.getByRole('heading', { name: '#lobby' }).waitFor();
  await say(bob.page, 'ada, what do you think?');
  await ada.page.getByRole('link', { name: /design.*1 mention/ }).waitFor();
  await ada.page.waitForFunction(() => document.title.startsWith('(1)') && document.querySelector('#icon').href.endsWith('icon-unread.svg'));
  await ada.page.keyboard.press('Control+Shift+F');
  const dialog = ada.page.getByRole('dialog', { name: 'Search' });
  await dialog.getByRole('searchbox').fill('zebra');
  await dialog.getByRole('button', { name: 'Search', exact: true }).click();
  await dialog.getByText('Nothing for “zebra” in #lobby.').waitFor();
  await dialog.getByRole('button', { name: 'Search all rooms' }).click();
  await dialog.getByRole('button', { name: /zebra crossing/ }).click();
  await ada.page.locator('article:focus', { hasText: 'zebra' }).waitFor();
  await say(ada.page, '/msg bob psst');
  await bob.page.getByRole('link', { name: /ada.*1 mention/ }).click();
  await bob.page.getByRole('article', { name: /ada: psst/ }).waitFor();
  await say(bob.page, 'what?');
  await ada.page.getByRole('article', { name: /bob: what/ }).waitFor();
  await ada.page.getByText('Private: not stored').waitFor();
  assert.deepEqual([ada.faults, bob.faults], [[], []]);
  await ada.context.close();
  await bob.context.close();
});

test('typing, recall, drafts, emoji and completion', async () => {
  const [ada, bob] = await Promise.all([visit(browser, server.url), visit(browser, server.url)]);
  await call(ada.page, 'ada');
  await call(bob.page, 'bobby');
  const input = ada.page.getByRole('textbox', { name: 'Message' });
  const typing = await watchFor(bob.page, '#typing', 'is typing');
  await input.pressSequentially('@bob');
  await ada.page.getByRole('option', { name: 'bobby' }).waitFor();
  await ada.page.keyboard.press('Tab');
  await input.pressSequentially(':rocket:');
  const holds = (/** @type {string} */ text) => ada.page.waitForFunction((value) => document.querySelector('#message').value === value, text);
  await holds('@bobby 🚀');
  await typing();
  await ada.page.reload();
  await ada.page.getByRole('heading', { name: '#lobby' }).waitFor();
  await holds('@bobby 🚀');
  await input.press('Enter');
  await bob.page.locator('article.mention', { hasText: '@bobby 🚀' }).waitFor();
  await input.press('ArrowUp');
  await holds('@bobby 🚀');
  await input.fill('/me waves');
  await input.press('Enter');
  await bob.page.locator('article.action', { hasText: 'ada waves' }).waitFor();
  assert.deepEqual([ada.faults, bob.faults], [[], []]);
  await ada.context.close();
  await bob.context.close();
});
