// A crowd in one room: half of it polls, half has WebSockets, some change from one to the other and some are cut off
// and come back. Each must hear every message, once, in the one order. Arguments: URL, sockets, messages.

import assert from "node:assert/strict";
import { once } from "node:events";
import { io } from "socket.io-client";

const [url, sockets, messages] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const common = { forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 200 };

async function enter(number) {
  const options =
    number % 2 === 0
      ? { transports: ["polling"] }
      : number % 4 === 1
        ? { transports: ["websocket"] }
        : {};
  const socket = io(url, { ...common, ...options });
  socket.heard = [];
  socket.on("message", ({ text }) => socket.heard.push(Number(text)));
  await once(socket, "connect");
  return socket;
}

const crowd = [];
for (let first = 0; first < sockets; first += 50) {
  const batch = Array.from({ length: Math.min(50, sockets - first) }, (_, place) => enter(first + place));
  crowd.push(...(await Promise.all(batch)));
}
const speaker = await enter(1);

// A few lose their connection in the middle, without a goodbye.
function cut(socket) {
  const transport = socket.io.engine?.transport;
  if (transport?.name === "websocket") transport.ws._socket?.destroy();
}

for (let number = 0; number < messages; number++) {
  const ack = await speaker.timeout(20_000).emitWithAck("message", String(number));
  assert.equal(ack.ok, true, ack.message);
  if (number % 10 === 5) cut(crowd[(number * 7) % crowd.length]);
}

const expected = Array.from({ length: messages }, (_, number) => number);
const deadline = Date.now() + 60_000;
for (const [place, socket] of crowd.entries()) {
  while (socket.heard.length < messages && Date.now() < deadline) {
    await Promise.race([once(socket, "message"), new Promise((resolve) => setTimeout(resolve, 1_000))]);
  }
  assert.deepEqual(socket.heard, expected, `socket ${place} (${socket.io.engine?.transport?.name})`);
}
for (const socket of [speaker, ...crowd]) socket.disconnect();
process.exit(0);
