// Connection state recovery as an unmodified client sees it, on a server that has it for everybody: `socket.recovered`,
// and exactly what was missed. Started with a URL; what the server has to do meanwhile is asked for on standard output, and
// answered on standard input.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const [url] = process.argv.slice(2);
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
// They come back when they are told to: what happens meanwhile is then known.
const options = { forceNew: true, transports: ["websocket"], reconnection: false };
// What docs/socketio.md names, and what is emitted here.
const KNOWN = ["welcome", "message", "joined", "left", "wave", "move", "large", "secret", "ready"];

let step = "start";
setTimeout(() => {
  console.error(`it takes too long, at: ${step}`);
  process.exit(1);
}, 120_000).unref();

async function ask(question) {
  console.log(question);
  await answers.next();
}

async function connect(nick, { namespace = "", ...more } = {}) {
  const socket = io(url + namespace, { ...options, ...more, auth: { nick } });
  socket.texts = [];
  socket.moves = [];
  socket.on("message", ({ text }) => socket.texts.push(text));
  socket.on("move", (place) => socket.moves.push(place));
  socket.onAny((name) => assert.ok(KNOWN.includes(name), `nobody emitted ${JSON.stringify(name)}`));
  await once(socket, "connect");
  return socket;
}

async function hears(socket, text) {
  while (!socket.texts.includes(text)) await once(socket, "message");
}

async function moved(socket, count) {
  while (socket.moves.length < count) await once(socket, "move");
}

// The network fails: no goodbye, no close packet.
async function cut(socket) {
  const gone = once(socket, "disconnect");
  socket.io.engine.transport.ws._socket.destroy();
  await gone;
}

async function back(socket) {
  const here = once(socket, "connect");
  socket.connect();
  await here;
  return socket.recovered;
}

const numbers = (count) => Array.from({ length: count }, (_, number) => number);

step = "zero events";
const speaker = await connect("speaker");
const silent = await connect("silent");
const { id } = silent;
assert.equal(silent._lastOffset, undefined, "nothing was heard");
await cut(silent);
assert.equal((await speaker.emitWithAck("message", "while away")).ok, true);
assert.equal(await back(silent), true, "nothing had been heard, and still it is recovered");
assert.equal(silent.id, id);
await hears(silent, "while away");
assert.deepEqual(silent.texts, ["while away"], "once");

step = "after events of every kind";
await speaker.emitWithAck("message", "heard");
await hears(silent, "heard");
const waved = once(silent, "wave");
speaker.emit("wave", "a string that is no offset");
const args = await waved;
assert.equal(args.length, 2, "the position is the last argument");
await cut(silent);
for (const text of ["one", "two", "three"]) await speaker.emitWithAck("message", text);
assert.equal(await back(silent), true);
await hears(silent, "three");
assert.deepEqual(silent.texts, ["while away", "heard", "one", "two", "three"]);

step = "what it said itself";
await silent.emitWithAck("message", "by myself");
await cut(silent);
assert.equal(await back(silent), true);
await speaker.emitWithAck("message", "after that");
await hears(silent, "after that");
assert.ok(!silent.texts.includes("by myself"), "it knows what it said");

step = "privately";
await cut(silent);
await speaker.emitWithAck("message", { to: "silent", text: "for you" });
assert.equal(await back(silent), true);
await hears(silent, "for you");

step = "three thousand small events, cut again in the middle of them";
await cut(silent);
for (const number of numbers(2_999)) speaker.emit("move", number);
assert.equal((await speaker.emitWithAck("move", 2_999)).ok, true);
assert.equal(await back(silent), true);
await moved(silent, 1_000);
await cut(silent);
assert.equal(await back(silent), true);
await moved(silent, 3_000);
await speaker.emitWithAck("message", "behind them");
await hears(silent, "behind them");
assert.deepEqual(silent.moves, numbers(3_000), "no hole, nothing twice, in order");

step = "sixty large events";
const large = [];
silent.on("large", (number, text) => large.push([number, text.length]));
await cut(silent);
for (const number of numbers(60)) assert.equal((await speaker.emitWithAck("large", number, "x".repeat(100_000))).ok, true);
assert.equal(await back(silent), true);
while (large.length < 60) await once(silent, "large");
assert.deepEqual(large, numbers(60).map((number) => [number, 100_000]));

step = "more than is kept";
large.length = 0;
await cut(silent);
for (const number of numbers(20)) assert.equal((await speaker.emitWithAck("large", number, "x".repeat(900_000))).ok, true);
assert.equal(await back(silent), false, "not everything can be given");
assert.notEqual(silent.id, id, "it starts over");
await speaker.emitWithAck("message", "afresh");
await hears(silent, "afresh");
assert.deepEqual(large, [], "and is given nothing of before");
assert.ok((await speaker.emitWithAck("members", "lobby")).members.some(({ nick }) => nick === "silent"), "its nick is its own");

step = "the new connection comes before the old one is noticed gone";
const twin = io(url, { ...options, autoConnect: false, auth: { pid: silent._pid, offset: silent._lastOffset } });
const takeover = once(silent, "disconnect");
const taken = silent.id;
twin.connect();
await once(twin, "connect");
assert.equal(twin.id, taken, "the session goes on");
await takeover;

step = "a newcomer that forges an offset";
const [one, two] = [await connect("one", { namespace: "/game" }), await connect("two", { namespace: "/game" })];
for (const socket of [one, speaker]) await socket.emitWithAck("secret", "before");
const late = once(two, "ready");
await one.emitWithAck("ready", 1);
const offset = (await late).at(-1);
assert.match(offset, /^[0-9a-f]{16}\.\d+$/);
for (const namespace of ["/game", ""]) {
  const eve = await connect("eve", { namespace });
  for (const forged of [offset, `${offset.split(".")[0]}.0`, undefined]) {
    eve._lastOffset = forged;
    await cut(eve);
    const heard = [];
    const listener = (name) => heard.push(name);
    eve.onAny(listener);
    await back(eve);
    await (namespace ? one : speaker).emitWithAck("ready", 2);
    while (!heard.includes("ready")) await once(eve.io.engine, "packet");
    assert.ok(!heard.includes("secret") && !heard.includes("message"), `${namespace} ${forged}: ${heard}`);
    eve.offAny(listener);
  }
  eve.disconnect();
}

step = "a restarted server";
const before = speaker.id;
const closed = once(speaker, "disconnect");
await ask("restart");
await closed;
assert.equal(await back(speaker), false, "nobody can say what was passed on meanwhile");
assert.notEqual(speaker.id, before);
const { events } = await speaker.emitWithAck("history", { room: "lobby" });
assert.ok(events.some(({ text }) => text === "afresh"), "what is stored is still there");

for (const socket of [speaker, twin, one, two]) socket.disconnect();
console.log("done");
process.exit(0);
