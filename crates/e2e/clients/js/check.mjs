// The official JavaScript client in one version and one manner through every check of the common list, which
// `crates/e2e/src/bin/clients/list.rs` holds. Arguments: version, transport, and the URLs of the server, of a way to it
// that is cut on request, and of such a way to a server with recovery. Each result is a line of JSON on standard output.

import { createInterface } from "node:readline";
import { deepStrictEqual as equal } from "node:assert";

const [version, transport, url, cuttable, recovering] = process.argv.slice(2);
const client = await import(`client-${version}`);
const io = client.io ?? client.default.io ?? client.default;

const TRANSPORTS = { polling: ["polling"], websocket: ["websocket"], upgrade: ["polling", "websocket"] };
const PASS = "sesame";
// How long a check may take, and how long the heartbeat is watched: longer than the server waits for a pong in all.
const PATIENCE = 30_000;
const HEARTBEATS = 8_000;

const report = (line) => console.log(JSON.stringify(line));
const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function until(what, condition) {
  const begun = Date.now();
  while (!condition()) {
    if (Date.now() - begun > PATIENCE) throw new Error(`never: ${what}`);
    await pause(5);
  }
}

// Cuts every connection that goes by a way that can be cut.
async function cut() {
  report({ ask: "cut" });
  await answers.next();
}

let open = [];

function socket(where, { auth = {}, ...more } = {}) {
  const options = { transports: TRANSPORTS[transport], forceNew: true, reconnection: false, ...more };
  const made = io(where, { ...options, auth: { pass: PASS, ...auth } });
  open.push(made);
  made.heard = [];
  made.log = [];
  made.onAny((...event) => made.heard.push(event));
  made.on("connect", () => made.log.push("connect"));
  made.on("disconnect", (reason) => made.log.push(reason));
  made.on("connect_error", (error) => made.log.push(error));
  return made;
}

async function connect(path, more, from = url) {
  const made = socket(from + path, more);
  await until(`connected to ${path}`, () => made.connected || made.log.some((entry) => entry instanceof Error));
  if (!made.connected) throw made.log.at(-1);
  return made;
}

const hears = (who, what, wanted) => until(`hears ${what}`, () => who.heard.some(wanted)).then(() => who.heard.find(wanted));
const named = (name) => (event) => event[0] === name;
const ask = (who, ...event) => {
  let answer;
  who.emit(...event, (...args) => (answer = args));
  return until(`answer to ${event[0]}`, () => answer).then(() => answer);
};
const bytes = (data) => [...new Uint8Array(data)];

// Two sockets on one connection: in the chat, and in a relay.
async function both() {
  const chat = await connect("/");
  const game = chat.io.socket("/game", { auth: { pass: PASS } });
  game.heard = [];
  game.onAny((...event) => game.heard.push(event));
  await until("both are in", () => game.connected);
  return [chat, game];
}

const idle = await connect("/game");
const idleSince = Date.now();
const idleId = idle.id;
open = [];

const CHECKS = {
  async connect() {
    const one = await connect("/game");
    const wanted = transport === "upgrade" ? "websocket" : transport;
    await until(wanted, () => one.io.engine.transport.name === wanted);
    await ask(one, "still here");
  },
  async hello() {
    const one = await connect("/", { auth: { nick: "ada" } });
    const [, welcome] = await hears(one, "welcome", named("welcome"));
    equal(welcome.nick, "ada");
  },
  async ack() {
    const one = await connect("/");
    const [answer, ...more] = await ask(one, "message", "hello");
    equal([answer.ok, answer.seq > 0, more], [true, true, []]);
    const [no] = await ask(one, "message", { room: "nowhere", text: "x" });
    equal([no.ok, no.code], [false, "not_a_member"]);
  },
  async broadcast() {
    const [one, other] = [await connect("/", { auth: { nick: "ada" } }), await connect("/", { auth: { nick: "bob" } })];
    one.emit("message", "hello é😀");
    const [, message] = await hears(other, "message", named("message"));
    equal([message.text, message.from.nick], ["hello é😀", "ada"]);
  },
  async arguments() {
    const [one, other] = [await connect("/game"), await connect("/game")];
    const all = [null, true, false, 0, -1.5, 1e21, 9007199254740991, "", "é😀\u0001\"\\", [], [1, [2]], {}, { a: { b: null }, "ключ": "值" }];
    await ask(one, "all", ...all);
    equal(await hears(other, "all", named("all")), ["all", ...all]);
  },
  async bytes() {
    const [one, other] = [await connect("/game"), await connect("/game")];
    const every = Uint8Array.from({ length: 256 }, (_, place) => place);
    one.emit("bytes", every);
    const [, heard, ...more] = await hears(other, "bytes", named("bytes"));
    equal([bytes(heard), more], [[...every], []]);
  },
  async nested() {
    const [one, other] = [await connect("/game"), await connect("/game")];
    await ask(one, "nested", Uint8Array.of(0, 255), { a: [Uint8Array.of(1, 2), { b: new Uint8Array(0) }] }, "end");
    const [, first, { a }, end] = await hears(other, "nested", named("nested"));
    equal([bytes(first), bytes(a[0]), bytes(a[1].b), end], [[0, 255], [1, 2], [], "end"]);
  },
  async rooms() {
    const [one, other, third] = [await connect("/game"), await connect("/game"), await connect("/game")];
    for (const who of [one, other]) equal((await ask(who, "join", "red"))[0].ok, true);
    equal((await ask(one, "to", "red", "team", 1))[0].ok, true);
    equal(await hears(other, "team", named("team")), ["team", 1]);
    equal((await ask(other, "leave", "red"))[0].ok, true);
    await ask(one, "to", "red", "team", 2);
    await ask(one, "last");
    for (const who of [other, third]) await hears(who, "last", named("last"));
    equal([other.heard.filter(named("team")).length, third.heard.filter(named("team")).length], [1, 0]);
  },
  async direct() {
    const [one, other, third] = [await connect("/game"), await connect("/game"), await connect("/game")];
    equal((await ask(one, "to", other.id, "whisper", "x"))[0].ok, true);
    equal(await hears(other, "whisper", named("whisper")), ["whisper", "x"]);
    await ask(one, "last");
    await hears(third, "last", named("last"));
    equal(third.heard.filter(named("whisper")), []);
  },
  async namespaces() {
    const [chat, game] = await both();
    const other = await connect("/game");
    await ask(other, "move", 1);
    equal(await hears(game, "move", named("move")), ["move", 1]);
    equal(chat.heard.filter(named("move")), []);
  },
  async part() {
    const [chat, game] = await both();
    game.disconnect();
    equal((await ask(chat, "message", "still here"))[0].ok, true);
  },
  async unknown() {
    const error = await connect("/unknown").then(() => "connected", (error) => error.message);
    equal(error, "Invalid namespace");
  },
  async refused() {
    const error = await connect("/", { auth: { pass: "wrong" } }).then(() => "connected", (error) => error);
    equal(error.message, "that is not the join code");
    // Clients before 4.0 have the object itself for a message.
    equal((error.data ?? error).code, "pass_wrong");
  },
  async exact() {
    const [one, other, chat] = [await connect("/game"), await connect("/game"), await connect("/")];
    const events = [["one"], ["two", 2], ["three", { x: [] }, "a string"], ["four", ""]];
    for (const event of events) await ask(one, ...event);
    await hears(other, "four", named("four"));
    equal(other.heard, events);
    const [speaker] = [await connect("/", { auth: { nick: "eve" } })];
    await ask(speaker, "message", "x");
    await hears(chat, "message", named("message"));
    for (const [name, ...args] of chat.heard) equal([typeof name, args.length, typeof args[0]], ["string", 1, "object"]);
    equal(chat.heard.map(([name]) => name), ["welcome", "joined", "message"]);
  },
  async large() {
    const [one, other] = [await connect("/game"), await connect("/game")];
    const text = `${"0123456789abcdef".repeat(53_000)}é`;
    await ask(one, "large", text);
    equal((await hears(other, "large", named("large")))[1] === text, true);
  },
  async order() {
    const [one, other] = [await connect("/game"), await connect("/game")];
    for (let number = 0; number < 100; number++) one.emit("count", number);
    await until("all of them", () => other.heard.filter(named("count")).length >= 100);
    await ask(one, "last");
    equal(other.heard.filter(named("count")).map(([, number]) => number), Array.from({ length: 100 }, (_, place) => place));
  },
  async reconnect() {
    const again = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200 };
    const [one, other] = [await connect("/game", again, cuttable), await connect("/game")];
    await ask(one, "before");
    await cut();
    await until("back", () => one.connected && one.log.filter((entry) => entry === "connect").length > 1);
    await ask(one, "after");
    await hears(other, "after", named("after"));
    await ask(other, "back", 1);
    equal((await hears(one, "back", named("back"))).slice(0, 2), ["back", 1]);
  },
  async kicked() {
    const one = await connect("/");
    one.emit("quit");
    await until("told", () => one.log.length > 1);
    equal(one.log, ["connect", "io server disconnect"]);
  },
  async leaving() {
    const [one, other] = [await connect("/", { auth: { nick: "ada" } }), await connect("/")];
    one.disconnect();
    equal(one.log, ["connect", "io client disconnect"]);
    const [, left] = await hears(other, "left", named("left"));
    equal(left.from.nick, "ada");
  },
  async names() {
    const [one, other] = [await connect("/game", {}, recovering), await connect("/game", {}, recovering)];
    await ask(one, "one");
    await ask(one, "two", 2);
    await hears(other, "two", named("two"));
    equal(other.heard.map(([name]) => name), ["one", "two"]);
  },
  async recovered() {
    const again = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200 };
    const [one, other] = [await connect("/game", again, recovering), await connect("/game", again, recovering)];
    for (const who of [one, other]) await ask(who, "hello");
    await hears(other, "hello", named("hello"));
    const id = other.id;
    await cut();
    await until("back", () => [one, other].every((who) => who.connected && who.log.filter((entry) => entry === "connect").length > 1));
    equal([other.recovered, other.id], [true, id]);
    await ask(one, "after");
    await hears(other, "after", named("after"));
    equal(other.heard.filter(named("after")).length, 1);
  },
  async heartbeat() {
    await pause(HEARTBEATS - (Date.now() - idleSince));
    equal([idle.connected, idle.id, idle.log], [true, idleId, ["connect"]]);
    await ask(idle, "still here");
    idle.disconnect();
  },
};

for (const [check, run] of Object.entries(CHECKS)) {
  try {
    await run();
    report({ check, ok: true });
  } catch (error) {
    report({ check, ok: false, why: String(error?.message ?? error).replace(/\s+/g, " ").slice(0, 500) });
  }
  for (const one of open) one.disconnect();
  open = [];
}
process.exit(0);
