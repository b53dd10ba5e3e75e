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
nc.kill();
socket.disconnect();
