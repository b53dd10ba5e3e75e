// The page below a path, behind a real nginx: everything that it asks for is there, and nothing is asked of the root.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { below, nginx } from '../nginx.js';
import { PATIENCE_MS, browse, call, message, plug, say, serve, shows, visit, watch } from '../support.js';

let browser;
let server;
let proxy;
before(async () => {
  browser = await browse();
  server = await serve();
  proxy = await nginx(`${below('/chat/', server.port)} ${below('/a/deep/place/', server.port)} ${below('/plain/', server.port, { webSockets: false })}`);
});
after(async () => {
  await browser.close();
  await proxy.stop();
  await server.stop();
});

/** All that the page asks for from now on. @param {import('playwright-core').Page} page */
function asked(page) {
  /** @type {string[]} */
  const wrong = [];
  /** @type {string[]} */
  const all = [];
  page.on('request', (request) => all.push(new URL(request.url()).pathname));
  page.on('websocket', (socket) => all.push(new URL(socket.url()).pathname));
  page.on('response', (response) => { if (response.status() >= 400) wrong.push(`${response.status()} ${response.url()}`); });
  return { all, wrong };
}

for (const [path, nick] of [['/chat/', 'ada'], ['/a/deep/place/', 'adele']]) {
  test(`below ${path} the page loads, talks, reloads and opens its panels`, async () => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    const faults = watch(page);
    const { all, wrong } = asked(page);
    await page.goto(proxy.origin + path);
    await call(page, nick);
    const nc = await plug(server.port, `/nick bob-${nick}`);
    await nc.hears(`bob-${nick}`);
    const texts = [`hello from ${path}`, `hello to ${path}`];
    await say(page, texts[0]);
    await nc.hears(`<${nick}> ${texts[0]}`);
    nc.say(texts[1]);
    await message(page, texts[1]).waitFor();
    assert.ok(all.includes(`${path}ws`), all.join(' '));

    await page.reload();
    await message(page, texts[1]).waitFor();
    await page.locator('#me', { hasText: nick }).waitFor();

    await page.getByRole('button', { name: 'Plug in' }).click();
    const dialog = page.getByRole('dialog', { name: 'Plug something in' });
    const lines = await dialog.locator('code').allTextContents();
    const place = `ws://127.0.0.1:${proxy.port}${path}ws`;
    assert.ok(lines.includes(`websocat ${place}`) && lines.includes(`switchboard chat ${place}`), lines.join('\n'));
    assert.ok(lines.some((line) => line.includes(`{ path: "${path}socket.io/" }`)), lines.join('\n'));
    assert.ok(!lines.some((line) => line.startsWith('nc ')), 'a proxy for HTTP has nothing for nc');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Wires' }).click();
    await page.getByRole('dialog', { name: 'Wires' }).getByText(`bob-${nick}`).waitFor();
    await page.keyboard.press('Escape');

    const manifest = await page.evaluate(async () => {
      const link = /** @type {HTMLLinkElement} */ (document.querySelector('link[rel=manifest]')).href;
      const { start_url: start, scope, icons } = await (await fetch(link)).json();
      const icon = await fetch(new URL(icons[0].src, link));
      return { start: new URL(start, link).pathname, scope: new URL(scope, link).pathname, icon: icon.status };
    });
    assert.deepEqual(manifest, { start: path, scope: path, icon: 200 });
    const qr = await page.evaluate(async () => (await fetch(`qr.svg?text=${encodeURIComponent(location.href)}`)).status);
    assert.equal(qr, 200);
    assert.deepEqual([faults, wrong, all.filter((one) => !one.startsWith(path))], [[], [], []]);
    nc.end();
    await context.close();
  });
}

test('a link to a room, and the path without its slash, lead to the page', async () => {
  const { page, context, faults } = await visit(browser, `${proxy.origin}/chat#/room/garden`);
  await call(page, 'carl');
  await page.getByRole('heading', { name: 'garden' }).waitFor();
  assert.equal(new URL(page.url()).pathname, '/chat/');
  await say(page, 'among flowers');
  await message(page, 'among flowers').waitFor();
  const other = await visit(browser, `${page.url()}/1`);
  await call(other.page, 'dora');
  await shows(other.page, ['among flowers']);
  assert.deepEqual([faults, other.faults], [[], []]);
  await context.close();
  await other.context.close();
});

test('where the proxy lets no WebSocket through, the page polls below the path, and keeps to itself', async () => {
  const context = await browser.newContext();
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const faults = watch(page);
  const { all } = asked(page);
  await page.goto(`${proxy.origin}/plain/`);
  await call(page, 'erin');
  await page.locator('#me .jack-polling').waitFor();
  await say(page, 'by polling');
  await message(page, 'by polling').waitFor();
  assert.ok(all.includes('/plain/poll/'), all.join(' '));
  assert.deepEqual(all.filter((one) => !one.startsWith('/plain/')), []);
  // Another server below another path of this host is somebody else's.
  const beside = await context.newPage();
  await beside.goto(`${proxy.origin}/chat/`);
  await call(beside, 'frank');
  const keys = await beside.evaluate(() => Object.keys(localStorage).map((key) => key.replace(/\.[^.]*$/, '')));
  assert.deepEqual([...new Set(keys)].toSorted(), ['switchboard/chat/', 'switchboard/plain/']);
  assert.deepEqual(faults, []);
  await context.close();
});
