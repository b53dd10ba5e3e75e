// Socket.IO's introduction, seventh step: a client that says which message it saw last is given the later ones. Started
// with a URL of a server with `--message-event 'chat message'`.

import assert from "node:assert/strict";
import { once } from "node:events";
import { io } from "socket.io-client";

const [url] = process.argv.slice(2);

setTimeout(() => {
  console.error("it takes too long");
  process.exit(1);
}, 60_000).unref();

// As the introduction writes it, but for the page.
async function visit(serverOffset, more = {}) {
  const auth = serverOffset === undefined ? {} : { serverOffset };
  const socket = io(url, { forceNew: true, reconnection: false, auth, ...more });
  socket.shown = [];
  socket.names = [];
  socket.onAny((name, ...args) => socket.names.push([name, args.length]));
  socket.on("chat message", (text, offset) => {
    socket.shown.push(text);
    socket.auth.serverOffset = offset;
  });
  await once(socket, "connect");
  return socket;
}

async function shows(socket, count) {
  while (socket.shown.length < count) await once(socket, "chat message");
}

const plain = await visit(undefined);
for (const text of ["one", "two", "three"]) assert.equal((await plain.emitWithAck("chat message", text)).ok, true);
await shows(plain, 3);
assert.deepEqual(plain.names, Array(3).fill(["chat message", 1]), "who does not ask is given the text alone");

for (const more of [{ transports: ["polling"] }, { transports: ["websocket"] }, { auth: { serverOffset: 0, recover: true } }]) {
  // A page that is loaded anew is no empty list.
  const page = await visit(0, more);
  await shows(page, 3);
  assert.deepEqual(page.shown, ["one", "two", "three"]);
  assert.equal(page.auth.serverOffset, 3);
  page.disconnect();
}

// What is said while somebody comes back is neither lost nor shown twice.
const page = await visit(0, { transports: ["websocket"] });
await shows(page, 3);
let said = 3;
for (let round = 0; round < 5; round += 1) {
  const gone = once(page, "disconnect");
  page.io.engine.transport.ws._socket.destroy();
  await gone;
  const here = once(page, "connect");
  page.connect();
  for (let number = 0; number < 20; number += 1) plain.emit("chat message", `${(said += 1)}`);
  await here;
  await shows(page, said);
}
await plain.emitWithAck("chat message", "last");
await shows(page, said + 1);
const expected = ["one", "two", "three", ...Array.from({ length: said - 3 }, (_, number) => `${number + 4}`), "last"];
assert.deepEqual(page.shown, expected);
assert.ok(page.names.every(([name, count]) => name === "chat message" && count === 2));

for (const socket of [plain, page]) socket.disconnect();
process.exit(0);
