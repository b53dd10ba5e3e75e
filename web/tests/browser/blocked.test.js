// Networks that let no WebSocket through: the page is in the room all the same, comes back after a cut, and goes over to
// a WebSocket when there may be one.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { browse, call, message, plug, proxy, say, serve, shows, stored, visit } from '../support.js';

let browser;
before(async () => { browser = await browse(); });
after(() => browser.close());

for (const how of /** @type {const} */ (['refused', 'swallowed', 'closed'])) {
  test(`WebSocket ${how}: the page polls, and a cut leaves no hole and no duplicate`, async () => {
    const server = await serve();
    const wire = await proxy(server.port);
    wire.block(how);
    const { page, context, faults } = await visit(browser, wire.url);
    await call(page, 'ada');
    await page.locator('#me .jack-polling').waitFor();
    const nc = await plug(server.port, '/nick bob');
    await say(page, 'hello by polling');
    await nc.hears('<ada> hello by polling');
    nc.say('hello from nc');
    await shows(page, ['hello by polling', 'hello from nc']);
    await page.getByRole('article', { name: /ada: hello by polling, .*by long polling/ }).waitFor();
    wire.cut();
    for (let number = 1; number <= 20; number += 1) nc.say(`missed ${number}`);
    for (const text of ['mine 1', 'mine 2']) await say(page, text);
    await page.getByText('Server away. 2 messages will go when it’s back.').waitFor();
    wire.mend();
    const missed = Array.from({ length: 20 }, (_, at) => `missed ${at + 1}`);
    await shows(page, ['hello by polling', 'hello from nc', ...missed, 'mine 1', 'mine 2']);
    assert.equal(nc.heard().match(/mine \d/g)?.length, 2);
    nc.say('and on');
    await message(page, 'and on').waitFor();
    assert.equal(await page.locator('#me .jack-polling').count(), 1);
    assert.deepEqual(faults, []);
    nc.end();
    await context.close();
    wire.end();
    await server.stop();
  });
}

test('what was found out is remembered for the tab, and the way back to a WebSocket is found', async () => {
  const server = await serve();
  const wire = await proxy(server.port);
  wire.block('refused');
  const { page, context, faults } = await visit(browser, wire.url);
  await call(page, 'ada');
  await page.locator('#me .jack-polling').waitFor();
  await say(page, 'by polling');
  await stored(page, 'by polling').waitFor();
  await page.addInitScript(() => {
    window.tried = [];
    const [Socket, ask] = [WebSocket, fetch];
    window.WebSocket = class extends Socket {
      constructor(...its) {
        super(...its);
        window.tried.push('websocket');
      }
    };
    window.fetch = (...its) => {
      window.tried.push('polling');
      return ask(...its);
    };
  });
  await page.reload();
  await page.locator('#me .jack-polling').waitFor();
  await shows(page, ['by polling']);
  assert.equal(await page.evaluate(() => window.tried[0]), 'polling');
  wire.block('');
  const nc = await plug(server.port, '/nick bob');
  let said = 0;
  const talk = setInterval(() => nc.say(`word ${said += 1}`), 20);
  await page.locator('#me .jack-websocket').waitFor();
  clearInterval(talk);
  await say(page, 'by WebSocket');
  await page.getByRole('article', { name: /ada: by WebSocket, .*by WebSocket/ }).waitFor();
  nc.say('the last word');
  await message(page, 'the last word').waitFor();
  const words = (await page.locator('article .body').allTextContents()).filter((text) => text.startsWith('word '));
  const first = Number(words[0].slice(5));
  assert.deepEqual(words, Array.from({ length: said - first + 1 }, (_, at) => `word ${first + at}`));
  assert.deepEqual(faults, []);
  nc.end();
  await context.close();
  wire.end();
  await server.stop();
});
