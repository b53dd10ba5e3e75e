// Draws the pictures of the page for the documents: `npm run pictures`, into docs/.

import { createSocket } from 'node:dgram';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { browse, call, plug, program, say, serve, visit } from './support.js';

const FOLDER = process.env.PICTURES ?? fileURLToPath(new URL('../../docs/', import.meta.url));
mkdirSync(FOLDER, { recursive: true });

const server = await serve();
const browser = await browse();
const { page, context } = await visit(browser, `http://127.0.0.1:${server.port}/`, { viewport: { width: 1200, height: 760 } });
/** @param {string} name */
const draw = async (name) => {
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished)));
  await page.mouse.move(640, 4);
  await page.screenshot({ path: `${FOLDER}/page-${name}.png` });
};
await page.locator('.empty .plug-line').first().waitFor();
await draw('alone');
await call(page, 'ada');
for (const room of ['design', 'greenhouse']) await say(page, `/join ${room}`);
await page.getByRole('heading', { name: '#greenhouse' }).waitFor();
await page.getByRole('link', { name: 'lobby' }).click();
await page.getByRole('heading', { name: '#lobby' }).waitFor();
await say(page, '/topic Every socket, one room');
const marta = await plug(server.port, '/nick marta');
await page.locator('#side', { hasText: 'marta' }).waitFor();
const said = async (/** @type {{ say(line: string): void }} */ client, /** @type {string} */ text, /** @type {string} */ seen) => {
  client.say(text);
  await page.locator('article', { hasText: seen }).waitFor();
};
await said(marta, 'Morning! I am in from a terminal, with plain nc.', 'plain nc');
await said(marta, 'Is the build green? https://ci.example.org/run/4711', '4711');
await say(page, 'All green since nine. `cargo test` takes a minute now.');
await page.locator('article:not(.sending)', { hasText: 'All green' }).waitFor();
const datagrams = createSocket('udp4');
const sensor = {
  /** @param {string} line */
  say: (line) => datagrams.send(`${line}\n`, server.port, '127.0.0.1'),
  end: () => datagrams.close(),
};
sensor.say('/nick pi-roof');
await page.locator('#side', { hasText: 'pi-roof' }).waitFor();
await said(sensor, '21.5 °C on the roof', '21.5');
const bot = await program(server.port, 'deploy-bot');
await page.locator('#side', { hasText: 'deploy-bot' }).waitFor();
bot.tell({ type: 'message', room: 'lobby', text: 'Deployed *4711* to staging:\n```\nserver  ok   1.2 s\nworker  ok   0.9 s\n```' });
await page.locator('article', { hasText: 'worker' }).waitFor();
const joe = await visit(browser, `http://127.0.0.1:${server.port}/`, { viewport: { width: 1200, height: 760 } });
await call(joe.page, 'joe');
await say(joe.page, '> All green since nine.\nLovely. @ada shall we show the new page at five?');
await page.locator('article.mention', { hasText: 'Lovely' }).waitFor();
bot.tell({ type: 'join', room: 'design' });
bot.tell({ type: 'message', room: 'design', text: 'ada: two reviews are waiting' });
await page.getByRole('link', { name: /design.*1 mention/ }).waitFor();
await say(page, 'Five is good.');
await page.locator('article:not(.sending)', { hasText: 'Five is good' }).waitFor();
await joe.page.getByRole('textbox', { name: 'Message' }).pressSequentially('great', { delay: 800 });
await page.getByText(/joe.* is typing/).waitFor();
await draw('light');
await page.emulateMedia({ colorScheme: 'dark' });
await draw('dark');
await page.setViewportSize({ width: 360, height: 740 });
await draw('phone');
await page.setViewportSize({ width: 1200, height: 760 });
await page.emulateMedia({ colorScheme: 'light' });
await page.getByRole('button', { name: 'Plug in' }).click();
await page.locator('.plug-line.arrived').first().waitFor();
await draw('plug');
await page.keyboard.press('Escape');
await page.getByRole('button', { name: 'Wires' }).click();
await page.getByRole('cell', { name: 'TCP' }).first().waitFor();
await draw('wires');
await page.keyboard.press('Escape');
await page.getByRole('button', { name: 'Search' }).click();
await page.getByRole('searchbox').fill('green');
await page.keyboard.press('Enter');
await page.locator('.result').first().waitFor();
await draw('search');
await page.keyboard.press('Escape');
await server.stop();
await say(page, 'This goes when it is back.');
await page.getByText('1 message will go when it’s back').waitFor();
await draw('offline');
for (const client of [marta, sensor, bot]) client.end();
await joe.context.close();
await context.close();
await browser.close();
