// What a browser may refuse: stores, notifications, the clipboard. The page goes on without.

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

const real = Object.getOwnPropertyDescriptors(globalThis);
afterEach(() => {
  for (const name of ['localStorage', 'sessionStorage', 'Notification', 'isSecureContext', 'window']) {
    if (real[name]) Object.defineProperty(globalThis, name, real[name]);
    else Reflect.deleteProperty(globalThis, name);
  }
});

/** @param {string} name @param {() => unknown} get */
const provide = (name, get) => Object.defineProperty(globalThis, name, { get, configurable: true });
const fresh = (/** @type {string} */ module) => import(`${module}?${Math.random()}`);

/** A store as browsers have it, of so many characters. */
function store(most = Infinity) {
  const kept = new Map();
  return {
    getItem: (name) => kept.get(name) ?? null,
    removeItem: (name) => kept.delete(name),
    setItem(name, text) {
      if (text.length > most) throw new DOMException('full', 'QuotaExceededError');
      kept.set(name, text);
    },
  };
}

for (const [what, get] of /** @type {[string, () => unknown][]} */ ([
  ['forbidden', () => { throw new DOMException('no', 'SecurityError'); }], ['absent', () => undefined], ['null', () => null], ['full', () => store(0)],
])) {
  test(`a store that is ${what} forgets with the page, not before`, async () => {
    provide('sessionStorage', get);
    const { tab } = await fresh('../../storage.js');
    assert.equal(tab.get('session'), null);
    tab.set('session', { token: 'secret' });
    assert.deepEqual(tab.get('session'), { token: 'secret' });
    tab.set('session', null);
    assert.equal(tab.get('session'), null);
  });
}

test('what does not fit is remembered by the page, and what fits is kept', async () => {
  const its = store(20);
  provide('sessionStorage', () => its);
  const { tab } = await fresh('../../storage.js');
  tab.set('queue', ['short']);
  tab.set('queue', ['much too long for this store']);
  assert.deepEqual(tab.get('queue'), ['much too long for this store'], 'not the old one');
  tab.set('queue', ['fits']);
  assert.deepEqual([tab.get('queue'), its.getItem('switchboard.queue')], [['fits'], '["fits"]']);
  its.setItem('switchboard.queue', '{broken');
  assert.equal(tab.get('queue'), null);
});

/** @param {unknown} notification @param {boolean} [wanted] */
async function notices(notification, wanted = true) {
  const its = store();
  provide('localStorage', () => its);
  provide('isSecureContext', () => true);
  provide('window', () => ({ focus() {} }));
  provide('Notification', () => notification);
  const { browser } = await fresh('../../storage.js');
  browser.set('notifies', wanted);
  const { Notices } = await fresh('../../notices.js');
  return new Notices();
}

/** @param {string} permission @param {(ask?: (answer: string) => void) => unknown} request */
function kind(permission, request = async () => permission) {
  return class Notification {
    static permission = permission;
    static requestPermission = request;
    /** @type {string[]} */
    static shown = [];
    constructor(title, { body }) { Notification.shown.push(`${title}: ${body}`); }
    close() {}
  };
}

test('a notification is shown where it may be', async () => {
  const granted = kind('granted');
  const its = await notices(granted);
  its.show('ada in #lobby', '\u202Ehello', 'tag', () => {});
  assert.deepEqual(granted.shown, ['ada in #lobby: hello']);
  const denied = kind('denied');
  (await notices(denied)).show('ada', 'hello', 'tag', () => {});
  (await notices(granted, false)).show('ada', 'nobody wants it', 'tag', () => {});
  assert.deepEqual([denied.shown, granted.shown.length], [[], 1]);
});

test('a notification that throws is the last one that is tried', async () => {
  let tried = 0;
  const its = await notices(class { static permission = 'granted'; constructor() { tried += 1; throw new TypeError('Illegal constructor'); } });
  assert.equal(its.isPossible, true);
  its.show('ada', 'hello', 'tag', () => {});
  its.show('ada', 'hello', 'tag', () => {});
  assert.deepEqual([its.isPossible, tried], [false, 1]);
});

test('without notifications there are none', async () => {
  for (const absent of [undefined, null, {}]) {
    const its = await notices(absent);
    assert.equal(its.isPossible, false);
    its.show('ada', 'hello', 'tag', () => {});
  }
});

test('a refused permission is told, and an answer by callback is one', async () => {
  for (const [answer, request] of /** @type {[string, any][]} */ ([
    ['granted', async () => 'granted'], ['granted', (ask) => { ask('granted'); }], ['denied', async () => 'denied'],
    ['throws', () => { throw new Error('not here'); }], ['throws', async () => { throw new Error('not here'); }],
  ])) {
    const its = await notices(kind(answer, request), false);
    const why = await its.toggle();
    assert.deepEqual([its.isOn, why === ''], [answer === 'granted', answer === 'granted']);
    if (its.isOn) assert.equal(await its.toggle(), '', 'turned off, nothing is to be said');
  }
});
