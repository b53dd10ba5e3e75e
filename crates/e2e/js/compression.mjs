// Compressed WebSockets (permessage-deflate) as real clients speak them: the official Socket.IO client and `ws`. Started
// with the URL of a server whose threshold is 1,024 bytes.

import assert from "node:assert/strict";
import { once } from "node:events";
import { io } from "socket.io-client";
import WebSocket from "ws";

const [url] = process.argv.slice(2);
let step = "start";
setTimeout(() => {
  console.error(`it takes too long, at: ${step}`);
  process.exit(1);
}, 60_000).unref();

// What compresses well, and what is too short for it.
const long = "to be, or not to be: ".repeat(1_000);
const short = "hi";
const wire = (client) => client.io.engine.transport.ws._socket.bytesRead;

async function connect(options) {
  const client = io(`${url}/game`, { forceNew: true, reconnection: false, ...options });
  client.heard = [];
  client.on("say", (text) => client.heard.push(text));
  await once(client, "connect");
  if (!options.transports) {
    while (client.io.engine.transport.name !== "websocket") await once(client.io.engine, "upgrade");
  }
  return client;
}

async function hears(client, text) {
  while (!client.heard.includes(text)) await once(client, "say");
}

step = "official clients, from the start and after the upgrade";
const clients = [
  await connect({ transports: ["websocket"] }),
  await connect({}),
  await connect({ transports: ["websocket"], perMessageDeflate: { serverMaxWindowBits: 10 } }),
];
const plain = await connect({ transports: ["websocket"], perMessageDeflate: false });
const polling = await connect({ transports: ["polling"] });
for (const client of clients) assert.match(client.io.engine.transport.ws.extensions, /permessage-deflate/);
assert.equal(plain.io.engine.transport.ws.extensions, "");

step = "one message to all of them";
const before = clients.map(wire);
const plainBefore = wire(plain);
assert.equal((await polling.emitWithAck("say", long)).ok, true);
for (const client of [...clients, plain]) await hears(client, long);
for (const [place, client] of clients.entries()) {
  const bytes = wire(client) - before[place];
  assert.ok(bytes < long.length / 10, `client ${place} was sent ${bytes} bytes`);
}
assert.ok(wire(plain) - plainBefore > long.length);

step = "long and short ones from each, and bytes";
for (const client of clients) {
  for (const text of [`${short} ${client.id}`, `${long} ${client.id}`]) {
    assert.equal((await client.emitWithAck("say", text)).ok, true);
    for (const other of [...clients, plain, polling]) if (other !== client) await hears(other, text);
  }
}
const blob = Buffer.alloc(50_000, 7);
const arrived = once(clients[1], "blob");
clients[0].emit("blob", blob);
assert.equal(Buffer.compare(Buffer.from((await arrived)[0]), blob), 0);

step = "a message that is too large when it is inflated";
const bomb = await connect({ transports: ["websocket"] });
const gone = new Promise((resolve) => bomb.on("disconnect", (_, { context }) => resolve(context)));
bomb.emit("say", "x".repeat(5_000_000));
const { code, reason } = await gone;
assert.equal(code, 1009);
assert.match(String(reason), /max_payload/);
for (const client of [...clients, plain, polling]) client.disconnect();

step = "ws: what is offered and agreed on";
const NO_CONTEXT = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
for (const [offer, agreed] of [
  [false, ""],
  [true, NO_CONTEXT],
  [{ serverNoContextTakeover: true, clientNoContextTakeover: true }, NO_CONTEXT],
  [{ serverMaxWindowBits: 15 }, `${NO_CONTEXT}; server_max_window_bits=15`],
  [{ serverMaxWindowBits: 12, clientMaxWindowBits: 9 }, `${NO_CONTEXT}; server_max_window_bits=9`],
  [{ serverMaxWindowBits: 8 }, ""],
]) {
  step = `ws: ${JSON.stringify(offer)}`;
  const ws = new WebSocket(`${url.replace("http", "ws")}/ws?protocol=json`, { perMessageDeflate: offer });
  const heard = [];
  ws.on("message", (data) => heard.push(JSON.parse(data)));
  const [response] = await once(ws, "upgrade");
  assert.equal(response.headers["sec-websocket-extensions"] ?? "", agreed);
  const until = async (wanted) => {
    while (!heard.some(wanted)) await once(ws, "message");
    return heard.find(wanted);
  };
  if (ws.readyState !== WebSocket.OPEN) await once(ws, "open");
  ws.send(JSON.stringify({ type: "hello" }));
  await until(({ type }) => type === "welcome");
  // As much as a message may have: compressed by `ws` from 1,024 bytes on.
  const text = `${"the same again, ".repeat(250)}${Math.random()}`;
  ws.send(JSON.stringify({ type: "message", room: "lobby", text, ref: "1" }), { compress: true });
  await until(({ type, ref }) => type === "ack" && ref === "1");
  ws.send(JSON.stringify({ type: "history", room: "lobby", limit: 1, ref: "2" }));
  const { events } = await until(({ type, ref }) => type === "history" && ref === "2");
  assert.equal(events[0].text, text);
  ws.close();
  await once(ws, "close");
}

step = "ws: what breaks the rules";
for (const [bytes, code] of [
  // A bomb is under the limit while it comes, and over it when it is inflated.
  [null, 1009],
  // RSV1 and a reserved kind of block.
  [Buffer.from([0xc1, 0x81, 0, 0, 0, 0, 0xff]), 1007],
  // RSV1 on a ping.
  [Buffer.from([0xc9, 0x80, 0, 0, 0, 0]), 1002],
]) {
  const ws = new WebSocket(`${url.replace("http", "ws")}/ws?protocol=json`);
  await once(ws, "open");
  if (bytes) ws._socket.write(bytes);
  else ws.send("x".repeat(10_000_000));
  const [closed] = await once(ws, "close");
  assert.equal(closed, code);
}
process.exit(0);
