// What an official client is given by a server that nobody configured: no argument, no event and no id that nobody
// emitted; and what it is given where it asks. Started with a URL.

import assert from "node:assert/strict";
import { once } from "node:events";
import { io } from "socket.io-client";
import { WebSocket } from "ws";

const [url] = process.argv.slice(2);
const options = { forceNew: true, reconnection: false };

let step = "start";
setTimeout(() => {
  console.error(`it takes too long, at: ${step}`);
  process.exit(1);
}, 60_000).unref();

async function connect(namespace = "/game", more = {}) {
  const socket = io(url + namespace, { ...options, ...more });
  socket.heard = [];
  socket.onAny((...all) => socket.heard.push(all));
  await once(socket, "connect");
  return socket;
}

// A round trip after which everything that was emitted before has come.
async function settled(sender, ...receivers) {
  const heard = receivers.map((socket) => once(socket, "settled"));
  await sender.emitWithAck("settled");
  await Promise.all(heard);
}

async function cut(socket) {
  const gone = once(socket, "disconnect");
  socket.io.engine.transport.ws._socket.destroy();
  await gone;
}

step = "no argument, no event and no id by itself";
const sender = await connect();
for (const transports of [["polling"], ["websocket"]]) {
  const plain = await connect("/game", { transports });
  assert.equal(plain._pid, undefined);
  sender.emit("draw", 1, { a: "b" });
  sender.emit("word", "a string");
  sender.emit("nothing");
  await settled(sender, plain);
  assert.deepEqual(plain.heard, [["draw", 1, { a: "b" }], ["word", "a string"], ["nothing"], ["settled"]]);
  plain.disconnect();
}

step = "handlers whose last argument is an acknowledgement";
const acknowledged = await sender.emitWithAck("draw", 2);
assert.equal(acknowledged.ok, true);

step = "one socket asks";
const asking = await connect("/game", { transports: ["websocket"], auth: { recover: true } });
const other = await connect("/game", { transports: ["websocket"] });
assert.equal(typeof asking._pid, "string");
sender.emit("draw", 3);
await settled(sender, asking, other);
assert.deepEqual(other.heard, [["draw", 3], ["settled"]], "nobody else pays for it");
assert.equal(asking.heard[0].length, 3);
assert.match(asking.heard[0][2], /^[0-9a-f]{16}\.\d+$/);
const { id } = asking;
await cut(asking);
await cut(other);
await sender.emitWithAck("draw", 4);
asking.heard.length = other.heard.length = 0;
const connected = [asking, other].map((socket) => once(socket, "connect"));
asking.connect();
other.connect();
await Promise.all(connected);
assert.deepEqual([asking.recovered, other.recovered ?? false], [true, false]);
assert.equal(asking.id, id);
await settled(sender, asking, other);
assert.deepEqual(asking.heard.map(([name, argument]) => [name, argument])[0], ["draw", 4]);
assert.deepEqual(other.heard, [["settled"]]);

step = "a client that knows of no recovery";
const raw = new WebSocket(`${url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`);
const packets = [];
raw.on("message", (data) => packets.push(data.toString()));
await once(raw, "open");
raw.send("40/game,");
const has = async (wanted) => {
  while (!packets.some((packet) => packet.startsWith(wanted))) await once(raw, "message");
};
await has("40/game,");
await sender.emitWithAck("draw", 5);
await has("42/game,");
assert.match(packets[1], /^40\/game,\{"sid":"[0-9a-f]{16}"\}$/);
assert.deepEqual(packets.slice(2), ['42/game,["draw",5]']);
raw.close();

step = "a goodbye that both sides know of";
for (const transports of [["polling"], ["websocket"]]) {
  const leaving = await connect("", { transports });
  const closed = once(leaving.io.engine, "close");
  const [reason] = await Promise.all([once(leaving, "disconnect"), leaving.emit("quit")]);
  assert.equal(reason[0], "io server disconnect", transports[0]);
  assert.equal(leaving.connected, false);
  await closed;
}
const both = io(url, { reconnection: false, transports: ["websocket"] });
const beside = both.io.socket("/game");
await Promise.all([once(both, "connect"), once(beside, "connect")]);
const told = once(both, "disconnect");
both.emit("quit");
assert.deepEqual((await told)[0], "io server disconnect");
assert.equal((await beside.emitWithAck("draw", 6)).ok, true, "the socket beside it goes on");

for (const socket of [sender, asking, other, beside]) socket.disconnect();
process.exit(0);
