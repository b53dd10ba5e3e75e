// Whoever comes back finds what was said meanwhile, and the way to every room and person.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { browse, call, message, open, plug, say, serve, visit } from '../support.js';

let browser;
let server;
before(async () => { [browser, server] = await Promise.all([browse(), serve()]); });
after(async () => {
  await browser.close();
  await server.stop();
});

test('who closed the page finds messages and mentions of every room when it is opened again', async () => {
  const { page, context } = await visit(browser, server.url);
  await call(page, 'ada');
  const nc = await plug(server.port, '/nick bob');
  const witness = await plug(server.port, '/nick eve');
  nc.say('/join ops');
  await say(page, '/join ops');
  await page.getByRole('heading', { name: '#ops' }).waitFor();
  await say(page, 'I go now');
  await nc.hears('I go now');
  await page.close();
  for (const text of ['one', 'ada, two', 'three for ada', 'four']) nc.say(text);
  nc.say('/join lobby');
  nc.say('ada: five');
  nc.say('six');
  await witness.hears('six');
  const again = await open(context, server.url);
  await again.getByRole('link', { name: /ops.*2 mentions/ }).waitFor();
  await again.getByRole('link', { name: /ops/ }).click();
  await message(again, 'three for ada').waitFor();
  const rows = await again.locator('.rule, article').allInnerTexts();
  const line = rows.findIndex((row) => /new/i.test(row) && !row.includes('ada'));
  assert.ok(rows[line - 1].includes('I go now') && rows[line + 1].includes('one'), rows.join(' | '));
  assert.deepEqual(again.faults, []);
  await context.close();
  nc.end();
  witness.end();
});

test('the quick way finds rooms and people by a part of their names, and makes a room last of all', async () => {
  const { page, context, faults } = await visit(browser, server.url);
  await call(page, 'carol');
  await say(page, '/join design');
  await page.getByRole('heading', { name: '#design' }).waitFor();
  await page.getByRole('link', { name: 'lobby' }).click();
  await page.getByRole('heading', { name: '#lobby' }).waitFor();
  const nc = await plug(server.port, '/nick zoltan');
  await page.locator('#side').getByText('zoltan').waitFor();
  const dialog = page.getByRole('dialog', { name: 'Go to a room or a person' });
  const choices = () => dialog.getByRole('option').allInnerTexts().then((all) => all.map((text) => text.split('\n')[0]));
  await page.keyboard.press('Control+k');
  await dialog.waitFor();
  await page.keyboard.type('desi');
  assert.deepEqual(await choices(), ['#design', 'Create #desi']);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: '#design' }).waitFor();
  await page.keyboard.press('Control+k');
  await dialog.waitFor();
  // Where one was last is the first choice.
  assert.equal((await choices())[0], '#lobby');
  await page.keyboard.type('zol');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'zoltan' }).waitFor();
  await page.keyboard.press('Control+k');
  await dialog.waitFor();
  await page.keyboard.type('desi');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: '#desi', exact: true }).waitFor();
  assert.deepEqual(faults, []);
  await context.close();
  nc.end();
});

test('a page in a window without focus is let in, and says of no server that it is away', async () => {
  const context = await browser.newContext();
  const page = await open(context, server.url, (page) => page.addInitScript(() => {
    Document.prototype.hasFocus = () => false;
    new MutationObserver(() => {
      const words = document.querySelector('#banner:not([hidden])')?.textContent;
      if (words) Object.assign(window, { saidAway: words });
    }).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  }));
  await page.getByPlaceholder('Message #lobby').waitFor();
  assert.equal(await page.evaluate(() => Reflect.get(window, 'saidAway')), undefined);
  assert.deepEqual(page.faults, []);
  await context.close();
});

test('what cannot be is said where it was asked for, and takes nobody away', async () => {
  const { page, context, faults } = await visit(browser, `${server.url}#/room/${encodeURIComponent('im possible')}`);
  await page.locator('.toast', { hasText: 'im possible' }).waitFor();
  assert.equal(await page.evaluate(() => decodeURIComponent(location.hash)), '#/room/lobby');
  await page.evaluate(() => {
    const data = new DataTransfer();
    data.items.add(new File(['x'], 'x.png', { type: 'image/png' }));
    const wasTaken = document.querySelector('#log')?.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
    if (wasTaken) throw new Error('the browser would open the file');
  });
  await page.locator('.line', { hasText: 'Files and pictures cannot be sent yet' }).waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});
