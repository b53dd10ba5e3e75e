// What keyboards, clocks, browsers and peers do at the edges: composition, shortcuts, refusals, towers of accents.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { browse, call, message, plug, program, say, serve, shows, visit } from '../support.js';

let server;
let browser;
before(async () => {
  browser = await browse();
  server = await serve();
});
after(async () => {
  await browser.close();
  await server.stop();
});

/**
 * A page on which something was prepared before its first script.
 * @param {string | (() => void)} script
 */
async function prepared(script) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  await context.addInitScript(script);
  const page = await context.newPage();
  /** @type {string[]} */
  const faults = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  await page.goto(server.url);
  return { context, page, faults };
}

/** Waits until one speaks in a room. @param {import('playwright-core').Page} page */
const ready = (page) => page.waitForFunction(() => document.querySelector('#message')?.placeholder?.startsWith('Message'));
/** @param {import('playwright-core').Page} page */
const box = (page) => page.getByRole('textbox', { name: 'Message' });
/** @param {import('playwright-core').Page} page */
const nickOf = (page) => page.locator('#me .author').innerText();
/** @param {import('playwright-core').Page} page @param {string} selector @param {Record<string, unknown>} key */
const press = (page, selector, key) => page.evaluate(([place, its]) => document.querySelector(place)
  .dispatchEvent(new KeyboardEvent('keydown', { bubbles: true, cancelable: true, ...its })), /** @type {const} */ ([selector, key]));

test('keys of an input method send nothing, open nothing and close nothing', async () => {
  const { page, context, faults } = await visit(browser, `${server.url}#/room/ime`);
  await call(page, 'ime');
  // As Chromium and Firefox say it, and as Safari does after the composition.
  for (const key of [{ key: 'Enter', isComposing: true }, { key: 'Enter', keyCode: 229 }, { key: 'Process', keyCode: 229 }, { key: 'ArrowUp', keyCode: 229 }]) {
    await box(page).fill('漢字');
    await press(page, '#message', key);
    assert.equal(await box(page).inputValue(), '漢字', JSON.stringify(key));
  }
  await press(page, '#message', { key: '?', keyCode: 229 });
  await press(page, '#message', { key: 'k', ctrlKey: true, keyCode: 229 });
  assert.equal(await page.locator('dialog[open]').count(), 0);
  // A proposal is not taken either.
  await box(page).fill('/jo');
  await page.getByRole('option').first().waitFor();
  await press(page, '#message', { key: 'Enter', keyCode: 229 });
  assert.equal(await box(page).inputValue(), '/jo');
  await box(page).fill('漢字');
  await box(page).press('Enter');
  await shows(page, ['漢字']);
  // In a dialog the key has no default either: no form is sent, and the dialog stays.
  await page.keyboard.press('Control+k');
  await page.getByRole('dialog').waitFor();
  for (const key of ['Enter', 'Escape']) {
    assert.equal(await press(page, 'dialog input', { key, keyCode: 229 }), false, `${key} is without effect`);
    assert.equal(await press(page, 'dialog input', { key, keyCode: key === 'Enter' ? 13 : 27 }), true);
  }
  assert.deepEqual(faults, []);
  await context.close();
});

test('a keyboard on glass that tells of Enter by a new line only sends with it', async () => {
  const { page, context } = await visit(browser, `${server.url}#/room/glass`);
  await call(page, 'glass');
  const enter = (/** @type {Record<string, unknown>} */ key) => page.evaluate((its) => {
    const field = document.querySelector('#message');
    field.dispatchEvent(new KeyboardEvent('keydown', { bubbles: true, cancelable: true, ...its }));
    return field.dispatchEvent(new InputEvent('beforeinput', { bubbles: true, cancelable: true, inputType: 'insertLineBreak' }));
  }, key);
  await box(page).fill('from a phone');
  assert.equal(await enter({ key: 'Unidentified', keyCode: 229 }), false);
  await message(page, 'from a phone').waitFor();
  // Shift and Enter on a keyboard with keys is a new line.
  await box(page).fill('two');
  await box(page).press('Shift+Enter');
  await page.keyboard.type('lines');
  assert.equal(await box(page).inputValue(), 'two\nlines');
  await context.close();
});

test('every character can be the first of a message', async () => {
  const { page, context, faults } = await visit(browser, `${server.url}#/room/first`);
  await call(page, 'first');
  for (const character of [...'?!/#@:*`~[]{}|\\^;,.<>=+-_()&%$"\' 1aßéя漢']) {
    await box(page).focus();
    await page.keyboard.type(character);
    assert.deepEqual([await box(page).inputValue(), await page.locator('dialog[open]').count()], [character, 0]);
    await box(page).fill('');
  }
  // As on a German keyboard, where it is Shift and ß.
  await page.keyboard.type('?!');
  assert.equal(await box(page).inputValue(), '?!');
  await box(page).fill('');
  // Where nothing is typed it is help, and any other letter goes to the message box.
  await page.locator('#log').focus();
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Help' }).waitFor();
  await page.keyboard.press('Escape');
  await page.locator('#log').focus();
  await page.keyboard.type('hi');
  assert.equal(await box(page).inputValue(), 'hi');
  // AltGr writes: on Windows it looks like Ctrl and Alt.
  await box(page).fill('');
  await page.locator('#log').focus();
  await press(page, '#log', { key: '@', ctrlKey: true, altKey: true, modifierAltGraph: true });
  assert.equal(await page.evaluate(() => document.activeElement.id), 'message');
  // A form that the browser fills in tells of keys that are none.
  await page.evaluate(() => document.querySelector('#message').dispatchEvent(new Event('keydown', { bubbles: true, cancelable: true })));
  // A shortcut is where it is, whatever is written there.
  await press(page, '#message', { key: 'л', code: 'KeyK', ctrlKey: true });
  await page.getByRole('dialog', { name: 'Go to a room or a person' }).waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

/** Stands for the system's notifications, and for somebody who looks elsewhere. @param {number} ahead */
const elsewhere = (ahead) => `(() => {
  const Real = Date;
  class Wrong extends Real { constructor(...given) { if (given.length === 0) super(Real.now() + ${ahead}); else super(...given); } static now() { return Real.now() + ${ahead}; } }
  window.Date = Wrong;
  window.shown = [];
  window.Notification = class { constructor(title, { body }) { window.shown.push(title + ': ' + body); } close() {} static permission = 'granted'; static async requestPermission() { return 'granted'; } };
  localStorage.setItem('switchboard.notifies', 'true');
  Document.prototype.hasFocus = () => false;
})()`;

for (const [what, ahead] of /** @type {[string, number][]} */ ([['an hour ahead', 3_600_000], ['a day behind', -86_400_000], ['years ahead', 40 * 365 * 86_400_000]])) {
  test(`with a clock that is ${what}, people are told, and days are the server's`, async () => {
    const { page, context, faults } = await prepared(elsewhere(ahead));
    await page.mouse.move(9, 9);
    await page.mouse.move(20, 20);
    await ready(page);
    const nick = await nickOf(page);
    const bob = await program(server.port, `bob${Math.abs(ahead / 1_000) % 997}`);
    await page.evaluate(() => dispatchEvent(new Event('blur')));
    bob.tell({ type: 'message', room: 'lobby', text: `hey ${nick}` });
    await page.waitForFunction(() => window.shown.length === 1 && document.querySelector('#live').textContent.includes('hey'));
    await page.locator('.rule.day', { hasText: 'Today' }).waitFor();
    await box(page).fill(`and ${nick}`);
    await box(page).press('Enter');
    await page.locator('article:not(.sending, .waiting)', { hasText: `and ${nick}` }).waitFor();
    assert.equal(await page.locator('.rule.day').count(), 1, 'nothing is of tomorrow, not even while it was sent');
    await page.locator('article', { hasText: `hey ${nick}` }).locator('time').hover();
    assert.match(await page.locator('article', { hasText: `hey ${nick}` }).locator('time').getAttribute('title'), /just now/);
    // Who types is shown, whatever the time is.
    bob.tell({ type: 'typing', room: 'lobby' });
    await page.locator('#typing', { hasText: 'is typing' }).waitFor();
    assert.deepEqual(faults, []);
    bob.end();
    await context.close();
  });
}

test('a browser that refuses all that can be refused has a page that works', async () => {
  const { page, context, faults } = await prepared(() => {
    const no = () => { throw new DOMException('no', 'SecurityError'); };
    for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name, { get: no });
    window.Notification = class { constructor() { throw new TypeError('Illegal constructor'); } static permission = 'granted'; };
    for (const name of ['matchMedia', 'BroadcastChannel', 'AudioContext']) Object.defineProperty(window, name, { value: undefined });
    for (const name of ['clipboard', 'locks', 'serviceWorker']) Object.defineProperty(Navigator.prototype, name, { value: undefined });
    document.execCommand = () => false;
  });
  await call(page, 'poor');
  const nc = await plug(server.port, '/nick rich');
  await nc.hears('rich');
  nc.say('hey poor');
  await message(page, 'hey poor').waitFor();
  await page.waitForFunction(() => document.querySelector('#live').textContent.includes('hey poor'));
  await say(page, 'and I answer');
  await nc.hears('<poor> and I answer');
  // What cannot be copied is not said to be.
  await page.getByRole('article', { name: /hey poor/ }).hover();
  await page.getByRole('button', { name: 'Copy text' }).click();
  await page.locator('.line', { hasText: 'does not let this page copy' }).waitFor();
  // The session outlives its connection, although nothing can be kept.
  await page.context().setOffline(true);
  await page.context().setOffline(false);
  await say(page, 'still me');
  await nc.hears('<poor> still me');
  assert.deepEqual(faults, []);
  nc.end();
  await context.close();
});

test('one message is drawn over no other, and turns nothing round but itself', async () => {
  const { page, context, faults } = await visit(browser, `${server.url}#/room/towers`);
  const peer = await program(server.port, 'mallory');
  peer.tell({ type: 'join', room: 'towers' });
  const tower = `Z${'\u0301\u0316\u0357'.repeat(150)}`;
  const texts = [`before`, tower, `*${tower}* \`${tower}\` @${tower}`, `> ${tower}`, `\`\`\`\n${tower}\n\`\`\``, 'https://example.com/\u202Egpj.exe', '\u202Eturned *\u202Ex* `\u202Ey` round', 'after'];
  for (const text of texts) peer.tell({ type: 'message', room: 'towers', text });
  peer.tell({ type: 'message', room: 'towers', text: `\u202E${tower}`, action: true });
  peer.tell({ type: 'topic', room: 'towers', text: `\u202E${tower}` });
  await page.locator('.line', { hasText: 'set the topic' }).waitFor();
  // No row lets anything be drawn outside of it.
  const open = await page.evaluate(() => [...document.querySelectorAll('#log > *, .topic, h1')].filter((row) => !['clip', 'hidden'].includes(getComputedStyle(row).overflowY)).map((row) => row.className));
  assert.deepEqual(open, []);
  const link = page.locator('article a', { hasText: 'example.com' });
  assert.equal(await link.textContent(), 'https://example.com/');
  // The name and time beside what was turned round stand as they do in any other message.
  const directions = await page.evaluate(() => [...document.querySelectorAll('article .author, article time, article .body, article .body > *, .isolated, .body em, .body code')]
    .filter((part) => !part.closest('pre') || part.matches('pre')).filter((part) => !['isolate', 'isolate-override', 'plaintext'].includes(getComputedStyle(part).unicodeBidi) && part.matches('bdi, .body, em, code:not(pre code), .isolated')).map((part) => part.className));
  assert.deepEqual(directions, []);
  assert.equal(await page.evaluate(() => /[\u202A-\u202E\u2066-\u2069]/.test(document.title + [...document.querySelectorAll('article')].map((row) => row.getAttribute('aria-label')).join())), false);
  assert.deepEqual(faults, []);
  peer.end();
  await context.close();
});

test('Enter sends what is complete, and takes what is begun', async () => {
  const { page, context, faults } = await visit(browser, `${server.url}#/room/names`);
  await call(page, 'typist');
  const peers = await Promise.all(['bob', 'bobby', 'carl'].map((nick) => program(server.port, nick)));
  for (const peer of peers) peer.tell({ type: 'join', room: 'names' });
  await page.getByRole('link', { name: 'carl' }).waitFor();
  const type = async (/** @type {string} */ text, /** @type {string[]} */ ...keys) => {
    await box(page).fill('');
    await box(page).pressSequentially(text);
    for (const key of keys) await page.keyboard.press(key);
    return box(page).inputValue();
  };
  const sent = [];
  for (const text of ['thanks @bob', 'thanks @Bob', '@carl', 'see #names', 'mail me @', 'I am @ylb', '1:30 :x', '@nobody']) {
    assert.equal(await type(text, 'Enter'), '', text);
    sent.push(text);
    await shows(page, sent);
  }
  assert.equal(await type('@bo', 'Enter'), '@bob ');
  assert.equal(await type('@bob', 'ArrowDown', 'Enter'), '@bobby ');
  assert.equal(await type('@bob', 'Tab'), '@bob ');
  assert.equal(await type('/jo', 'Enter'), '/join ');
  // The table of emoji is asked for with the first colon; until it has come, Enter sends what stands there.
  await type(':tad');
  await page.getByRole('option').first().waitFor();
  await page.keyboard.press('Enter');
  assert.equal(await box(page).inputValue(), '🎉 ');
  assert.equal(await type('@car', 'Escape', 'Enter'), '');
  // The focus stays where people write, and comes back there from a question for a name.
  assert.equal(await page.evaluate(() => document.activeElement.id), 'message');
  // A change of the name in between loses nothing that was written.
  for (const [name, key] of [['typist2', 'Enter'], ['nobody', 'Escape']]) {
    await type('half a thought');
    await page.getByRole('button', { name: /typist/ }).click();
    assert.match(await box(page).inputValue(), /^\/nick typist/);
    await box(page).fill(`/nick ${name}`);
    await page.keyboard.press(key);
    assert.equal(await box(page).inputValue(), 'half a thought');
  }
  await page.locator('#me .author', { hasText: 'typist2' }).waitFor();
  for (const peer of peers) peer.end();
  assert.deepEqual(faults, []);
  await context.close();
});

test('commands do what they do in the text protocol', async () => {
  const nc = await plug(server.port, '/nick keeper');
  nc.say('/join tea');
  nc.say('/topic tea at five');
  await nc.hears('tea');
  const { page, context, faults } = await visit(browser, server.url);
  await call(page, 'asker');
  const line = (/** @type {string} */ text) => page.locator('.line', { hasText: text }).last().waitFor();
  const rooms = () => page.locator('#room-list li').allInnerTexts().then((all) => all.map((text) => text.trim().split('\n').pop()));
  await say(page, '/join tea');
  await page.getByRole('heading', { name: '#tea' }).waitFor();
  await say(page, '/topic');
  await line('tea at five');
  await say(page, '/who tea');
  await line('2 in');
  await say(page, '/who nowhere');
  await line('not a member of nowhere');
  await say(page, '/join dev');
  await page.getByRole('heading', { name: '#dev' }).waitFor();
  await say(page, '/topic');
  await line('has no topic');
  // Another room than the one that is looked at, in capitals and with its sign.
  await say(page, '/join other');
  await page.getByRole('heading', { name: '#other' }).waitFor();
  await say(page, '/leave #DEV');
  await page.getByRole('link', { name: 'dev', exact: true }).waitFor({ state: 'detached' });
  assert.deepEqual(await rooms(), ['lobby', 'tea', 'other']);
  await page.getByRole('heading', { name: '#other' }).waitFor();
  await say(page, '/leave nowhere');
  await line('not a member of nowhere');
  for (const [command, words] of [['/quit', 'Close the page'], ['/history 5', 'scroll up'], ['/pass', 'wants the join code'], ['/nick', 'wants a name'], ['/join', 'wants a room'], ['/msg keeper', 'wants a nick and a text'], ['/me', 'wants what you do'], ['/dance', 'There is no /dance']]) {
    await say(page, command);
    await line(words);
  }
  await say(page, '/rooms');
  await page.getByRole('dialog', { name: 'Go to a room or a person' }).getByText('#tea').waitFor();
  await page.keyboard.press('Escape');
  await say(page, '/leave');
  await page.getByRole('link', { name: 'other', exact: true }).waitFor({ state: 'detached' });
  await say(page, '/msg keeper psst');
  await page.getByRole('heading', { name: 'keeper' }).waitFor();
  for (const command of ['/topic', '/topic tea']) {
    await say(page, command);
    await line('private conversation has no topic');
  }
  await say(page, '/leave @keeper');
  await page.locator('#people-part').waitFor({ state: 'hidden' });
  assert.ok(!nc.heard().includes('cleared the topic'));
  assert.deepEqual(faults, []);
  nc.end();
  await context.close();
});
