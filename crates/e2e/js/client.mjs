// One official client in one manner (its first argument) against a running server (its second): everything that a
// front-end does. It ends with 0 when all of it went well, and says what did not.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { io } from "socket.io-client";
import msgpack from "socket.io-msgpack-parser";

const [manner, url] = process.argv.slice(2);
const MANNERS = {
  polling: { transports: ["polling"] },
  websocket: { transports: ["websocket"] },
  upgrade: {},
  msgpack: { parser: msgpack },
  base64: { transports: ["websocket"], forceBase64: true },
};
// The server made its certificate itself.
const trust = url.startsWith("https:") ? { rejectUnauthorized: false } : {};
const options = { forceNew: true, reconnection: false, ...trust, ...MANNERS[manner] };
const port = new URL(url).port;

setTimeout(() => {
  console.error(`${manner}: it takes too long, at: ${step}`);
  process.exit(1);
}, 60_000).unref();

let step = "start";

async function connect(namespace, auth, more = {}) {
  const socket = io(url + namespace, { ...options, ...more, auth });
  // What comes before somebody waits for it is kept.
  const heard = {};
  socket.onAny((name, ...args) => (heard[name] ??= []).push(args));
  socket.next = async (name, wanted = () => true) => {
    for (;;) {
      const place = (heard[name] ?? []).findIndex((args) => wanted(...args));
      if (place >= 0) return heard[name].splice(place, 1)[0];
      await once(socket.io.engine, "packet");
      await new Promise(setImmediate);
    }
  };
  socket.once("connect_error", (error) => socket.emitReserved("refused", error));
  await Promise.race([once(socket, "connect"), once(socket, "refused").then(([error]) => Promise.reject(error))]);
  return socket;
}

function nc() {
  const program = spawn("nc", ["localhost", port]);
  let text = "";
  const waiting = [];
  program.stdout.on("data", (data) => {
    text += data;
    for (const check of waiting) check();
  });
  return {
    say: (line) => program.stdin.write(`${line}\n`),
    hears: (part) =>
      new Promise((resolve) => {
        const check = () => text.includes(part) && resolve();
        waiting.push(check);
        check();
      }),
    end: () => program.kill(),
  };
}

step = "connect with auth";
const ada = await connect("/", { nick: `ada-${manner}` });
assert.match(ada.id, /^[0-9a-f]{16}$/);
assert.notEqual(ada.id, ada.io.engine.id, "the session's secret is not the public id");
const [welcome] = await ada.next("welcome");
assert.equal(welcome.nick, `ada-${manner}`);

if (["upgrade", "msgpack"].includes(manner)) {
  step = "upgrade";
  while (ada.io.engine.transport.name !== "websocket") await once(ada.io.engine, "upgrade");
}

step = "hear nc and be heard by it";
const line = nc();
await line.hears("Welcome");
line.say("hello from nc");
const [message] = await ada.next("message", ({ text }) => text === "hello from nc");
assert.equal(message.from.via, "tcp");
assert.equal(message.room, "lobby");
const ack = await ada.timeout(5_000).emitWithAck("message", "hello from a browser");
assert.equal(ack.ok, true);
assert.equal(ack.seq, message.seq + 1, "it is acknowledged when it is stored");
await line.hears(`<ada-${manner}> hello from a browser`);

step = "requests and refusals";
const joined = await ada.emitWithAck("join", { room: "dev" });
assert.equal(joined.ok, true);
assert.equal(joined.room, "dev");
const history = await ada.emitWithAck("history", { room: "lobby" });
assert.equal(history.events.at(-1).text, "hello from a browser");
const refused = await ada.emitWithAck("message", { room: "nowhere", text: "x" });
assert.equal(refused.ok, false);
assert.equal(refused.code, "not_a_member");
const forged = await ada.emitWithAck("notice", "I am the server");
assert.equal(forged.code, "bad_request");

step = "relayed events, binary both ways";
const bob = await connect("/", { nick: `bob-${manner}` });
assert.equal((await bob.emitWithAck("draw", { x: 1 }, Buffer.from([1, 2, 3]), ["é😀", Buffer.from("abc")])).ok, true);
const drawn = await ada.next("draw");
assert.deepEqual(drawn[0], { x: 1 });
assert.deepEqual([...drawn[1]], [1, 2, 3]);
assert.equal(drawn[2][0], "é😀");
assert.equal(Buffer.from(drawn[2][1]).toString(), "abc");
const large = Buffer.alloc(100_000, 7);
ada.emit("file", large);
const [file] = await bob.next("file");
assert.equal(Buffer.compare(Buffer.from(file), large), 0);

step = "namespaces";
const game = await connect("/game", {});
const other = await connect("/game", {});
assert.notEqual(game.id, ada.id);
game.emit("move", 1, 2);
assert.deepEqual((await other.next("move")).slice(0, 2), [1, 2]);
await other.emitWithAck("join", "red");
await game.emitWithAck("join", "red");
game.emit("to", "red", "team", "x");
assert.equal((await other.next("team"))[0], "x");
other.emit("to", game.id, "whisper", "y");
assert.equal((await game.next("whisper"))[0], "y");
await assert.rejects(connect("/unknown", {}), { message: "Invalid namespace" });

step = "namespaces for the clients of one parser";
const [own, foreign] = manner === "msgpack" ? ["/packed", "/plain"] : ["/plain", "/packed"];
const parsed = await connect(own, {});
assert.equal((await parsed.emitWithAck("hi", 1)).ok, true);
parsed.disconnect();
await assert.rejects(connect(foreign, {}), { message: /for clients with the \w+ parser/ });

step = "several namespaces on one connection";
const shared = io(`${url}/`, { ...options, forceNew: false, auth: {} });
const second = shared.io.socket("/game", { auth: {} });
second.connect();
await Promise.all([once(shared, "connect"), once(second, "connect")]);
second.emit("move", 3);
assert.equal((await game.next("move"))[0], 3);
second.disconnect();
assert.equal((await shared.emitWithAck("message", "still here")).ok, true);
shared.disconnect();

step = "oversize message with a visible reason";
const heavy = await connect("/", {});
heavy.emit("blob", "x".repeat(1_100_000));
const [reason, words] = await new Promise((resolve) => {
  // At once: the request is cleared when its error has been told.
  heavy.on("disconnect", (reason, { context }) => resolve([reason, context.responseText || context.reason]));
});
assert.ok(["transport close", "transport error"].includes(reason), reason);
assert.match(words, /max_payload/, "the reason is in words");

step = "disconnect";
ada.disconnect();
await line.hears(`ada-${manner} left`);
line.end();
for (const socket of [bob, game, other]) socket.disconnect();
