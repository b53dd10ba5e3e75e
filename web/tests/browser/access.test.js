// For everyone: by keyboard alone, on a small screen, by voice, and with axe's rules in every state of the page.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { browse, call, message, plug, program, say, serve, UNLIMITED, visit } from '../support.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
let browser;
before(async () => { browser = await browse(); });
after(() => browser.close());

/** Rules that the page breaks, with where. @param {import('playwright-core').Page} page */
async function broken(page) {
  // Half of a fade has half its contrast; one that ends with its element is over, too.
  await page.evaluate(() => Promise.allSettled(document.getAnimations().map((animation) => animation.finished)));
  const client = await page.context().newCDPSession(page);
  // Evaluated by the debugger, which no policy stops: the page's own is not bypassed.
  await client.send('Runtime.evaluate', { expression: AXE });
  const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
  await client.detach();
  return violations.map((/** @type {any} */ rule) => `${rule.id}: ${rule.nodes.map((/** @type {any} */ node) => node.html.slice(0, 160)).join(' | ')}`);
}

const SCREENS = [
  { name: 'desktop', viewport: { width: 1280, height: 800 } },
  { name: 'phone', viewport: { width: 360, height: 700 }, hasTouch: true, isMobile: true },
];

for (const { name, ...screen } of SCREENS) {
  test(`axe finds nothing, on a ${name}, light and dark`, async () => {
    const server = await serve();
    const locked = await serve([...UNLIMITED, '--set', 'auth.join_code=7KQ2ZD']);
    const { page, context, faults } = await visit(browser, server.url, screen);
    /** @type {string[]} */
    const found = [];
    const check = async (/** @type {string} */ state) => {
      for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
        await page.emulateMedia({ colorScheme });
        found.push(...(await broken(page)).map((rule) => `${state}, ${colorScheme}: ${rule}`));
      }
    };
    await page.getByText('You’re first.').waitFor();
    await page.locator('.empty .plug-line').first().waitFor();
    await check('alone');
    await call(page, 'ada');
    const nc = await plug(server.port, '/nick bob');
    for (const line of ['hello ada', 'see https://example.org and `code`', '> quoted', '/me waves', 'long '.repeat(500)]) nc.say(line);
    await say(page, '```\nfn main() {}\n```');
    await say(page, '/topic tea at five');
    await page.getByText('tea at five').first().waitFor();
    await message(page, 'long').waitFor();
    await check('busy');
    await page.getByRole('button', { name: 'Plug in' }).click();
    await page.getByText('Phones cannot reach').waitFor();
    await check('plug in');
    await page.keyboard.press('Escape');
    await say(page, '/wires');
    await page.getByRole('cell', { name: 'TCP' }).waitFor();
    await check('wires');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByRole('searchbox').fill('zebra');
    await page.keyboard.press('Enter');
    await page.getByText('Nothing for').waitFor();
    await check('search');
    await page.keyboard.press('Escape');
    await say(page, '/help');
    await page.getByRole('dialog', { name: 'Help' }).waitFor();
    await check('help');
    await page.keyboard.press('Escape');
    await server.stop();
    await say(page, 'later');
    await page.getByText('1 message will go when it’s back').waitFor();
    await check('offline');
    await page.goto(locked.url);
    await page.getByLabel('This server asks for its join code').waitFor();
    await check('locked');
    assert.deepEqual(found, []);
    assert.deepEqual(faults, []);
    nc.end();
    await context.close();
    await locked.stop();
  });
}

test('a whole journey by keyboard alone', async () => {
  const server = await serve();
  const { page, context, faults } = await visit(browser, server.url);
  const keys = page.keyboard;
  const focused = (/** @type {string} */ role, /** @type {string | RegExp} */ name) => page.getByRole(role, { name }).and(page.locator(':focus')).waitFor();
  await focused('textbox', 'What should people call you?');
  await keys.type('ada');
  await keys.press('Enter');
  await focused('textbox', 'Message #lobby');
  await keys.type('hello from the keyboard');
  await keys.press('Enter');
  const nc = await plug(server.port, 'hello ada');
  await page.getByRole('article', { name: /hello ada/ }).waitFor();
  await page.locator('#live', { hasText: 'hello ada' }).waitFor();
  await keys.press('Shift+F6');
  await focused('article', /hello ada/);
  await keys.press('ArrowUp');
  await focused('article', /ada: hello from the keyboard/);
  await keys.press('ArrowDown');
  await keys.press('Enter');
  await focused('button', 'Quote');
  await keys.press('Enter');
  await focused('textbox', 'Message #lobby');
  assert.match(await page.getByRole('textbox', { name: 'Message #lobby' }).inputValue(), /^> hello ada\n@guest-/);
  await keys.type('indeed');
  await keys.press('Enter');
  await page.getByRole('article', { name: /indeed/ }).waitFor();
  await keys.press('Control+k');
  await focused('combobox', 'Room or person');
  await keys.type('design');
  await keys.press('Enter');
  await page.getByRole('heading', { name: '#design' }).waitFor();
  await page.locator('#log:focus').waitFor();
  await keys.type('typing goes to the message box');
  await focused('textbox', 'Message #design');
  assert.equal(await page.getByRole('textbox', { name: 'Message #design' }).inputValue(), 'typing goes to the message box');
  await keys.press('Enter');
  await page.getByRole('article', { name: /typing goes/ }).waitFor();
  await keys.press('Alt+ArrowUp');
  await page.getByRole('heading', { name: '#lobby' }).waitFor();
  await keys.press('?');
  await page.getByRole('dialog', { name: 'Help' }).waitFor();
  await keys.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  nc.end();
  assert.deepEqual(faults, []);
  await context.close();
  await server.stop();
});

test('history is loaded in silence, and many messages at once are one sentence', async () => {
  const server = await serve();
  const bob = await program(server.port, 'bob');
  const sends = async (/** @type {string} */ what, /** @type {number} */ count) => {
    const lines = Array.from({ length: count }, (_, number) => JSON.stringify({ type: 'message', text: `${what} ${number}`, ref: `${what}${number}` }));
    bob.say(lines.join('\n'));
    await bob.hears(`"ref":"${what}${count - 1}"`);
  };
  await sends('old', 50);
  const { page, context, faults } = await visit(browser, server.url);
  await message(page, 'old 49').waitFor();
  assert.equal(await page.locator('#live').textContent(), '');
  // However they are spread over time: each is told once, and not each in a sentence of its own.
  const told = await page.evaluateHandle(() => {
    const sentences = [];
    new MutationObserver(() => {
      const words = document.querySelector('#live').textContent;
      if (words !== '') sentences.push(words);
    }).observe(document.querySelector('#live'), { childList: true });
    return sentences;
  });
  await sends('new', 20);
  await page.waitForFunction((sentences) => {
    const count = (/** @type {string} */ words) => Number(/^(\d+) new messages$/.exec(words)?.[1] ?? words.split('. ').length);
    return sentences.reduce((sum, words) => sum + count(words), 0) === 20;
  }, told);
  assert.ok((await told.jsonValue()).length < 10);
  bob.end();
  assert.deepEqual(faults, []);
  await context.close();
  await server.stop();
});

test('a phone has everything within its 360 pixels', async () => {
  const server = await serve();
  const { page, context, faults } = await visit(browser, `${server.url}#/room/a-room-with-a-name-that-does-not-end-for-long`, { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true });
  await call(page, 'a-nick-of-thirty-two-characters-');
  const nc = await plug(server.port, '/nick another-nick-of-32-characters-xx');
  nc.say('/join a-room-with-a-name-that-does-not-end-for-long');
  nc.say('hello');
  await page.getByRole('article', { name: /hello/ }).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
  await page.getByRole('button', { name: 'Rooms' }).tap();
  await page.getByRole('link', { name: 'lobby' }).tap();
  await page.getByRole('heading', { name: '#lobby' }).waitFor();
  await page.getByRole('button', { name: 'Members' }).tap();
  await page.getByRole('complementary', { name: 'Members' }).getByText('another-nick').waitFor();
  await page.locator('#shade').tap({ position: { x: 20, y: 300 } });
  await page.getByRole('complementary', { name: 'Members' }).waitFor({ state: 'hidden' });
  const small = await page.evaluate(() => [...document.querySelectorAll('button, a')].filter((element) => element.checkVisibility({ visibilityProperty: true }) && !element.closest('.skip, article')).map((element) => [element.getBoundingClientRect(), element.ariaLabel ?? element.textContent]).filter(([box]) => box.width > 0 && (box.height < 32 || box.width < 32) && box.right > 0 && box.left < 360).map(([, name]) => name));
  assert.deepEqual(small, []);
  assert.equal(await page.getByRole('textbox', { name: 'Message' }).getAttribute('enterkeyhint'), 'send');
  nc.end();
  assert.deepEqual(faults, []);
  await context.close();
  await server.stop();
});
