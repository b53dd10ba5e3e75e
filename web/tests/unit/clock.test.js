// Clocks that people set, clocks that stand still in a sleep, and the server's.

import assert from 'node:assert/strict';
import { test } from 'node:test';

/** The module anew, on a machine whose clocks are these. */
async function machine(wall) {
  const clocks = { wall, monotonic: 1_000 };
  Date.now = () => clocks.wall;
  performance.now = () => clocks.monotonic;
  const clock = await import(`../../clock.js?${Math.random()}`);
  return { ...clock, clocks, pass: (ms) => { clocks.wall += ms; clocks.monotonic += ms; } };
}

const noon = Date.parse('2026-11-20T12:00:00.000Z');
const said = (ms) => new Date(noon + ms).toISOString();

test('the time is the server’s, whatever this machine says', async () => {
  for (const wrong of [0, 60_000, -86_400_000, 40 * 365 * 86_400_000]) {
    const { now, set, pass, clocks } = await machine(noon + wrong);
    assert.equal(now(), noon + wrong, 'before the server has said anything');
    set(said(0));
    assert.equal(now(), noon);
    pass(5_000);
    clocks.wall -= 3_600_000;
    assert.equal(now(), noon + 5_000, 'somebody sets the clock');
  }
});

test('what happens is never in the future', async () => {
  const { now, set, atLeast, pass } = await machine(noon);
  set(said(0));
  pass(1_000);
  atLeast(said(500));
  assert.equal(now(), noon + 1_000);
  atLeast(said(9_000));
  assert.equal(now(), noon + 9_000);
  set(said(2_000));
  assert.equal(now(), noon + 2_000, 'the server’s clock was set');
  set('nonsense');
  atLeast(undefined);
  assert.equal(now(), noon + 2_000);
});

test('an absence is as long as the clock that went on says', async () => {
  const { since, pass, clocks } = await machine(noon);
  const absence = since();
  pass(1_000);
  assert.equal(absence(), 1_000);
  clocks.wall += 3_600_000;
  assert.equal(absence(), 3_601_000, 'a sleep, in which the other clock stood still');
  clocks.wall -= 7_200_000;
  assert.equal(absence(), 1_000, 'the clock was set back');
});
