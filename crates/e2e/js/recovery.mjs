// Connection state recovery as an unmodified client sees it: `socket.recovered`, and exactly what was missed. Started
// with a URL; what the server has to do meanwhile is asked for on standard output, and answered on standard input.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const [url] = process.argv.slice(2);
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const options = { forceNew: true, transports: ["websocket"], reconnectionDelay: 50, reconnectionDelayMax: 100 };

let step = "start";
setTimeout(() => {
  console.error(`it takes too long, at: ${step}`);
  process.exit(1);
}, 120_000).unref();

async function ask(question) {
  console.log(question);
  await answers.next();
}

async function connect(nick, more = {}) {
  const socket = io(url, { ...options, ...more, auth: { nick } });
  socket.texts = [];
  socket.on("message", ({ text }) => socket.texts.push(text));
  await once(socket, "connect");
  // Where the stream of events stands comes right behind the welcome, and may come in a piece of its own.
  while (socket._lastOffset === undefined) await new Promise(setImmediate);
  return socket;
}

async function hears(socket, text) {
  while (!socket.texts.includes(text)) await once(socket, "message");
}

// The network fails: no goodbye, no close packet.
const cut = (socket) => socket.io.engine.transport.ws._socket.destroy();

step = "zero events";
const speaker = await connect("speaker");
const silent = await connect("silent");
const id = silent.id;
// Waited for from the start: it may come back before anything else here is done.
let back;
cut(silent);
await once(silent, "disconnect");
back = once(silent, "connect");
assert.equal((await speaker.emitWithAck("message", "while away")).ok, true);
await back;
assert.equal(silent.recovered, true, "nothing had been heard, and still it is recovered");
assert.equal(silent.id, id);
await hears(silent, "while away");
assert.deepEqual(silent.texts, ["while away"], "once");

step = "after events of every kind";
await speaker.emitWithAck("message", "heard");
await hears(silent, "heard");
speaker.emit("wave", "a string that is no offset");
await once(silent, "wave");
cut(silent);
await once(silent, "disconnect");
back = once(silent, "connect");
for (const text of ["one", "two", "three"]) await speaker.emitWithAck("message", text);
await back;
assert.equal(silent.recovered, true);
await hears(silent, "three");
assert.deepEqual(silent.texts, ["while away", "heard", "one", "two", "three"]);

step = "events that are passed on and not stored";
const moves = [];
silent.on("move", (place) => moves.push(place));
cut(silent);
await once(silent, "disconnect");
back = once(silent, "connect");
for (const place of [1, 2]) assert.equal((await speaker.emitWithAck("move", place)).ok, true);
await back;
assert.equal(silent.recovered, true);
while (moves.length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
assert.deepEqual(moves, [1, 2]);

step = "what it said itself";
await silent.emitWithAck("message", "by myself");
cut(silent);
await once(silent, "connect");
await speaker.emitWithAck("message", "after that");
await hears(silent, "after that");
assert.ok(!silent.texts.includes("by myself"), "it knows what it said");

step = "the new connection comes before the old one is noticed gone";
const twin = io(url, { ...options, auth: {} });
twin.auth = { pid: silent._pid, offset: silent._lastOffset };
twin.disconnect();
const takeover = new Promise((resolve) => silent.once("disconnect", resolve));
twin.connect();
await once(twin, "connect");
assert.equal(twin.id, id, "the session goes on");
await takeover;
silent.disconnect();

step = "a restarted server";
twin.auth = {};
twin.texts = [];
twin.on("message", ({ text }) => twin.texts.push(text));
await speaker.emitWithAck("message", "before the restart");
await hears(twin, "before the restart");
speaker.removeAllListeners("disconnect");
// A client that is slow may hear that the server is back before it notices that it was gone.
const returns = [twin, speaker].map((socket) => once(socket, "disconnect").then(() => once(socket, "connect")));
await ask("restart");
await Promise.all(returns);
assert.equal(speaker.recovered, true);
await speaker.emitWithAck("message", "after the restart");
await hears(twin, "after the restart");
assert.deepEqual(twin.texts, ["before the restart", "after the restart"], "nothing lost, nothing twice");

for (const socket of [speaker, twin]) socket.disconnect();
console.log("done");
process.exit(0);
