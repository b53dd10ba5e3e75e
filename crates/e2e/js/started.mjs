// What the page of Socket.IO's own introduction does: `chat message`, a bare string in and out, the sender included;
// and somebody with `nc` in the same room.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { io } from "socket.io-client";

const [url] = process.argv.slice(2);
setTimeout(() => process.exit(1), 60_000).unref();

const socket = io(url, { reconnection: false });
await once(socket, "connect");
const heard = [];
const hears = (text) =>
  new Promise((resolve) => {
    const check = () => heard.includes(text) && resolve();
    socket.on("chat message", check);
    check();
  });
socket.on("chat message", (text) => heard.push(text));

const nc = spawn("nc", ["localhost", new URL(url).port]);
let text = "";
nc.stdout.on("data", (data) => (text += data));
while (!text.includes("Welcome")) await once(nc.stdout, "data");

socket.emit("chat message", "hello from the page");
await hears("hello from the page");
while (!text.includes("hello from the page")) await once(nc.stdout, "data");
nc.stdin.write("hello from nc\n");
await hears("hello from nc");
assert.deepEqual(heard, ["hello from the page", "hello from nc"]);

// The second lesson: a message with its author. The handlers are given what was emitted, and `nc` reads the text.
const other = io(url, { reconnection: false, forceNew: true });
await once(other, "connect");
const said = { user: "ada", text: "an object", at: [1, { x: null }] };
const both = [socket, other].map((one) => once(one, "chat message"));
socket.emit("chat message", said);
for (const [message] of await Promise.all(both)) assert.deepEqual(message, said);
while (!text.includes("an object")) await once(nc.stdout, "data");
assert.ok(!text.includes("{"), text);

// The lesson about delivery: a message that is sent again under its own offset is there once.
const again = once(other, "chat message");
for (let count = 0; count < 2; count++) {
  const { ok } = await socket.timeout(5_000).emitWithAck("chat message", { user: "ada", text: "once" }, `${socket.id}-1`);
  assert.equal(ok, true);
}
assert.deepEqual((await again)[0], { user: "ada", text: "once" });
const last = once(other, "chat message");
assert.equal((await socket.emitWithAck("chat message", "after", `${socket.id}-2`)).ok, true);
assert.equal((await last)[0], "after");
assert.match((await socket.emitWithAck("chat message", { user: "ada" })).message, /a string or an object with a `text`/);
other.disconnect();
nc.kill();
socket.disconnect();
