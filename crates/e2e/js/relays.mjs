// What a relay does for the front-ends that use it: one case (the first argument) against a running server (the
// second). It ends with 0 when all of it went well, and says what did not.

import assert from "node:assert/strict";
import { io } from "socket.io-client";
import msgpack from "socket.io-msgpack-parser";

const [name, url, ...rest] = process.argv.slice(2);
setTimeout(() => {
  console.error(`${name}: it takes too long`);
  process.exit(1);
}, 60_000).unref();

const sockets = [];

// A socket that keeps what it hears; `next` waits for an event, and `quiet` proves that nothing came: what is sent
// afterwards came first.
async function connect(path, options = {}) {
  const socket = io(url + path, { forceNew: true, reconnection: false, ...options });
  sockets.push(socket);
  const heard = [];
  const waiting = new Set();
  socket.onAny((event, ...args) => {
    heard.push([event, ...args]);
    for (const look of waiting) look();
  });
  socket.heard = heard;
  socket.next = (event) =>
    new Promise((resolve) => {
      const look = () => {
        const place = heard.findIndex(([one]) => one === event);
        if (place < 0) return;
        waiting.delete(look);
        resolve(heard.splice(place, 1)[0].slice(1));
      };
      waiting.add(look);
      look();
    });
  await new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("connect_error", reject);
  });
  return socket;
}

const refusal = (path, options) =>
  connect(path, options).then(() => assert.fail(`${path} let it in`), (error) => error);

const cases = {
  // Every name that official servers take is passed on.
  async names() {
    for (const path of rest) {
      const [one, two] = [await connect(path), await connect(path)];
      const free = ["message", "typing", "error", "welcome", "notice", "joined", "left", "members", "rooms", "history"];
      for (const event of [...free, "search", "ack", "pong", "ping", "quit", "nick", "pass", "event", "gap", "topic", "é", "", "x".repeat(128)]) {
        assert.equal((await one.emitWithAck(event, 1, { a: "b" })).ok, true, event);
        assert.deepEqual(await two.next(event), [1, { a: "b" }], event);
      }
      one.emit(42, "a number is a name");
      assert.deepEqual(await two.next("42"), ["a number is a name"]);
      const long = "é".repeat(64) + "x";
      const refused = await one.emitWithAck(long, 1);
      assert.equal(refused.ok, false);
      assert.match(refused.message, /at most 128 bytes.* has 129/);
      one.emit(long, 1);
      assert.equal((await one.next("error"))[0].code, "bad_request");
      for (const reserved of ["connect", "disconnect", "newListener"]) {
        assert.equal((await one.emitWithAck("to", two.id, reserved)).code, "bad_request", reserved);
      }
      assert.ok(one.connected && two.connected);
      assert.deepEqual(two.heard, []);
    }
  },

  // Rooms have the names that clients give them, and receivers are found or it is said that they are not.
  async rooms() {
    const [one, two] = [await connect("/game"), await connect("/game")];
    for (const room of ["game-7", "Game-7", "room 1: é/#x", "x".repeat(50), one.id]) {
      const joined = await one.emitWithAck("join", room);
      assert.deepEqual(joined, { ok: true, room, members: 1 });
      assert.equal((await two.emitWithAck("to", room, "hi")).code, room === one.id ? undefined : "not_a_member");
      assert.deepEqual(await two.emitWithAck("join", room), { ok: true, room, members: 2 });
      assert.equal((await two.emitWithAck("to", room, "hi", room)).ok, true);
      if (room !== one.id) assert.deepEqual(await one.next("hi"), [room]);
      assert.deepEqual(await two.emitWithAck("leave", room), { ok: true, room });
      assert.equal((await two.emitWithAck("leave", room)).message, `you are not a member of ${room}: join it first`);
    }
    assert.match((await one.emitWithAck("join", "x".repeat(51))).message, /at most 50 characters/);
    assert.match((await one.emitWithAck("join", "a\nb")).message, /control characters/);
    for (const [wrong, code] of [["nobody", "not_a_member"], ["0123456789abcdef", "no_such_user"]]) {
      const refused = await one.emitWithAck("to", wrong, "hi");
      assert.equal(refused.code, code);
      assert.equal(refused.message, `\`${wrong}\` is neither the id of a socket that is here nor a room that you are in`);
    }
    for (const args of [[], ["x"], [1, "hi"], ["x", 1]]) {
      assert.match((await one.emitWithAck("to", ...args)).message, /`to` has a receiver, an event's name/);
    }
    const elsewhere = await connect("/other");
    assert.equal((await one.emitWithAck("to", elsewhere.id, "hi")).code, "no_such_user");
  },

  // msgpack's extensions between its own clients, and to and from those with the default parser.
  async msgpack() {
    const [one, two, plain] = [
      await connect("/game", { parser: msgpack }),
      await connect("/game", { parser: msgpack }),
      await connect("/game"),
    ];
    const at = new Date(86_400_000);
    const given = {
      date: { at, before: new Date(-1) },
      typed: new Uint8Array([1, 2, 3]),
      floats: { f: [new Float32Array([1.5])] },
      buffer: new Uint8Array([4, 5]).buffer,
      node: Buffer.from([6]),
      numbers: [Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60, -(2 ** 60), 1.5],
      undefined: [undefined, { gone: undefined, here: 1 }],
    };
    for (const [event, value] of Object.entries(given)) assert.equal((await one.emitWithAck(event, value, "end")).ok, true);
    const bytes = (value) => [...new Uint8Array(value)];
    assert.deepEqual(await two.next("date"), [given.date, "end"]);
    assert.deepEqual(bytes((await two.next("typed"))[0]), [1, 2, 3]);
    assert.deepEqual([...new Float32Array((await two.next("floats"))[0].f[0])], [1.5]);
    assert.deepEqual(bytes((await two.next("buffer"))[0]), [4, 5]);
    assert.deepEqual(bytes((await two.next("node"))[0]), [6]);
    assert.deepEqual((await two.next("numbers"))[0], given.numbers);
    assert.deepEqual((await two.next("undefined"))[0], given.undefined);
    const json = JSON.parse(JSON.stringify([given.date, "end"]));
    assert.deepEqual(await plain.next("date"), json);
    assert.deepEqual([...(await plain.next("typed"))[0]], [1, 2, 3]);
    const floats = (await plain.next("floats"))[0].f[0];
    assert.deepEqual([...new Float32Array(Uint8Array.from(floats).buffer)], [1.5]);
    assert.deepEqual([...(await plain.next("buffer"))[0]], [4, 5]);
    assert.deepEqual([...(await plain.next("node"))[0]], [6]);
    assert.deepEqual((await plain.next("numbers"))[0], [null, null, 2 ** 60, -(2 ** 60), 1.5]);
    assert.deepEqual((await plain.next("undefined"))[0], [null, { here: 1 }]);
    // To a receiver, with its first two arguments taken away.
    one.emit("to", two.id, "whisper", { at });
    assert.deepEqual(await two.next("whisper"), [{ at }]);
    // The other way: what JSON can say and msgpack's own readers must not stumble over.
    plain.emit("back", { z: 1, a: [Buffer.from([7])], half: "\ud800", deep: JSON.parse("[".repeat(100) + "]".repeat(100)) });
    const [back] = await two.next("back");
    assert.deepEqual(Object.keys(back), ["z", "a", "half", "deep"]);
    assert.deepEqual(bytes(back.a[0]), [7]);
    assert.equal(back.half, "\ufffd");
    plain.io.engine.write('2/game,["huge",1e999]');
    assert.deepEqual(await two.next("huge"), [Number.POSITIVE_INFINITY]);
    // Ten attachments are passed on, eleven are refused in words.
    const buffers = (count) => Array.from({ length: count }, () => Buffer.from([1]));
    assert.equal((await one.emitWithAck("ten", ...buffers(10))).ok, true);
    assert.equal((await plain.next("ten")).length, 10);
    assert.match((await one.emitWithAck("eleven", ...buffers(11))).message, /at most 10 attachments/);
    assert.ok(one.connected && two.connected && plain.connected);
  },

  // What the client for Android sends by polling: base64 with line breaks, and one at its end. And other forms of it.
  async base64() {
    const listener = await connect("/game");
    const endpoint = `${url}/socket.io/?EIO=4&transport=polling`;
    const { sid } = JSON.parse((await (await fetch(endpoint)).text()).slice(1));
    const post = async (body) => {
      const answer = await fetch(`${endpoint}&sid=${sid}`, { method: "POST", body });
      assert.deepEqual([answer.status, await answer.text()], [200, "ok"]);
    };
    await post("40/game,");
    const bytes = Buffer.from(Array.from({ length: 200 }, (_, place) => (place * 7 + 251) % 256));
    const plain = bytes.toString("base64");
    const lines = plain.match(/.{1,76}/g);
    const safe = bytes.toString("base64url");
    assert.ok(lines.length > 3 && plain.includes("+") && plain.includes("/"));
    const forms = [plain, `${lines.join("\n")}\n`, `${lines.join("\r\n")}\r\n`, safe, plain.replaceAll("=", ""), `${safe}=`];
    for (const form of forms) {
      await post(`451-/game,["bytes",{"_placeholder":true,"num":0}]\u001eb${form}`);
      assert.deepEqual(await listener.next("bytes"), [bytes], form);
    }
    await post("1");
  },

  // A pointer drawn at 60 events a second for ten seconds, with the limits as they are: nothing is lost.
  async drawing() {
    const one = await connect("/game");
    const watchers = await Promise.all(Array.from({ length: 5 }, () => connect("/game")));
    let errors = 0;
    one.on("error", () => errors++);
    const begun = performance.now();
    for (let count = 0; count < 600; count++) {
      one.emit("draw", { n: count, x: count % 640, y: count % 480 });
      const ahead = begun + ((count + 1) * 1_000) / 60 - performance.now();
      if (ahead > 0) await new Promise((resolve) => setTimeout(resolve, ahead));
    }
    await one.emitWithAck("end");
    for (const watcher of watchers) {
      await watcher.next("end");
      assert.deepEqual(watcher.heard.map(([, { n }]) => n), Array.from({ length: 600 }, (_, count) => count));
    }
    assert.equal(errors, 0);
  },

  // Beyond the limits it is said: to the acknowledgement, or else as an event.
  async rates() {
    const [one, two] = [await connect("/game"), await connect("/game")];
    const answers = await Promise.all(Array.from({ length: 12 }, () => one.emitWithAck("x")));
    assert.deepEqual(answers.map(({ ok }) => ok), [...Array(10).fill(true), false, false]);
    assert.match(answers[11].message, /too many events: 1 in a second \(limits\.events_per_second\)/);
    one.emit("x");
    assert.equal((await one.next("error"))[0].code, "rate_limited");
    await Promise.all([connect("/game"), connect("/game"), connect("/game")]);
    const large = await Promise.all(Array.from({ length: 9 }, () => two.emitWithAck("large", "x".repeat(10_000))));
    assert.deepEqual(large.slice(0, 4).map(({ ok }) => ok), [true, true, true, true], "four to five each, however large");
    assert.match(large[8].message, /so many receivers: 20 deliveries in a second \(limits\.event_deliveries_per_second\)/);
  },

  async presence() {
    const one = await connect("/lounge", { auth: { nick: "ada" } });
    const two = await connect("/lounge", { auth: { nick: "ada" } });
    const [joined] = await one.next("joined");
    assert.equal(joined.room, null);
    assert.equal(joined.count, 2);
    assert.equal(joined.user.sid, two.id);
    assert.equal(joined.user.nick, "ada", "names are only shown, and several may have the same");
    assert.match(joined.user.id, /^[0-9a-f]{16}$/);
    assert.deepEqual((await two.emitWithAck("join", "Red")).room, "Red");
    assert.equal((await one.emitWithAck("members", "Red")).code, "not_a_member");
    await one.emitWithAck("join", "Red");
    assert.deepEqual((await two.next("joined"))[0].room, "Red");
    const { ok, count, members, more, room } = await one.emitWithAck("members", "Red");
    assert.deepEqual([ok, count, more, room], [true, 2, false, "Red"]);
    assert.deepEqual(members.map(({ sid }) => sid).sort(), [one.id, two.id].sort());
    assert.deepEqual(members.find(({ sid }) => sid === two.id), joined.user);
    const all = await one.emitWithAck("members");
    assert.deepEqual([all.room, all.count], [null, 2]);
    one.emit("members");
    assert.equal((await one.next("members"))[0].count, 2);
    for (const forged of ["joined", "left"]) assert.equal((await two.emitWithAck(forged, {})).code, "bad_request");
    assert.equal((await two.emitWithAck("to", one.id, "joined", {})).code, "bad_request");
    await two.emitWithAck("leave", "Red");
    assert.deepEqual((await one.next("left"))[0], { room: "Red", user: joined.user, why: "left", count: 1 });
    await two.emitWithAck("join", "Red");
    await one.next("joined");
    // A connection that is cut, not closed in order: it is gone from each of its rooms.
    const gone = two.id;
    two.io.engine.transport.ws?.terminate?.();
    two.io.engine.close();
    const left = [(await one.next("left"))[0], (await one.next("left"))[0]];
    assert.deepEqual(left.map(({ room }) => room).sort(), ["Red", null].sort());
    assert.deepEqual(left.map(({ user, why }) => [user.sid, why]), [[gone, "gone"], [gone, "gone"]]);
    assert.equal((await one.emitWithAck("members")).count, 1);
    assert.equal((await refusal("/lounge", { auth: { nick: "no good" } })).data.code, "nick_invalid");
    // Without the word, nobody is told anything.
    const [quiet, other] = [await connect("/game"), await connect("/game")];
    other.emit("members", "mine");
    assert.deepEqual(await quiet.next("members"), ["mine"]);
    assert.deepEqual(quiet.heard, []);
  },

  // The first argument of each event is who emitted it, whatever the event claims.
  async from() {
    const one = await connect("/signed", { auth: { nick: "ada" } });
    const [two, packed] = [await connect("/signed"), await connect("/signed", { parser: msgpack })];
    const forged = { id: "0", nick: "admin", sid: two.id };
    assert.equal((await one.emitWithAck("say", forged, "hi", Buffer.from([1]))).ok, true);
    const [from, ...args] = await two.next("say");
    assert.equal(from.sid, one.id);
    assert.equal(from.nick, "ada");
    assert.deepEqual(args, [forged, "hi", Buffer.from([1])]);
    assert.deepEqual((await packed.next("say"))[0], from);
    one.emit("nothing");
    assert.deepEqual(await two.next("nothing"), [from]);
    packed.emit("at", new Date(0));
    const [sender, at] = await two.next("at");
    assert.deepEqual([sender.sid, at], [packed.id, "1970-01-01T00:00:00.000Z"]);
    one.emit("at", new Date(0));
    assert.equal((await packed.next("at"))[0].sid, one.id);
    two.emit("to", packed.id, "date", "x");
    assert.equal((await packed.next("date"))[0].sid, two.id);
    two.emit("to", one.id, "whisper", forged);
    assert.equal((await one.next("whisper"))[0].sid, two.id);
    // With `all` it comes back to its sender, signed as well; without the word there is nothing but the arguments.
    const loud = await connect("/loud");
    loud.emit("echo", 1);
    assert.deepEqual((await loud.next("echo")).map((arg) => arg.sid ?? arg), [loud.id, 1]);
    const [plain, other] = [await connect("/game"), await connect("/game")];
    plain.emit("say", 1);
    assert.deepEqual(await other.next("say"), [1]);
  },

  // As many namespaces of a form as are asked for, up to the limit; each is by itself.
  async patterns() {
    const [one, two, far] = [await connect("/table-1"), await connect("/table-1"), await connect("/table-2")];
    assert.equal((await one.next("joined"))[0].user.sid, two.id);
    assert.equal((await one.emitWithAck("join", "red")).room, "red");
    await far.emitWithAck("join", "red");
    one.emit("move", 1);
    assert.deepEqual(await two.next("move"), [1]);
    assert.equal((await one.emitWithAck("to", far.id, "x")).code, "no_such_user");
    one.emit("to", "red", "team");
    two.emit("to", one.id, "whisper", new Uint8Array([1]));
    assert.deepEqual([...(await one.next("whisper"))[0]], [1]);
    const third = await connect("/table-3", { parser: msgpack });
    const past = await refusal("/table-4");
    assert.match(past.message, /3 namespaces by a pattern already \(limits\.namespaces\)/);
    assert.equal(past.data.code, "too_many_rooms_on_server");
    await connect("/table-3");
    assert.match((await refusal("/table-")).message, /Invalid namespace/);
    assert.match((await refusal("/table-a/b")).message, /Invalid namespace/);
    await connect("/game");
    assert.deepEqual(far.heard, [], "nobody else's events were heard");
    // An empty one is forgotten, and its place is another's.
    far.disconnect();
    for (;;) {
      try {
        await connect("/table-4");
        break;
      } catch (error) {
        assert.match(error.message, /limits\.namespaces/);
      }
    }
    third.emit("still", "here");
  },

  // One client is in a bounded number of namespaces, and each that it leaves makes room for another.
  async many() {
    const main = await connect("/");
    const more = Array.from({ length: 32 }, (_, place) => main.io.socket(`/wide-${place}`));
    const outcomes = await Promise.all(
      more.map(
        (socket) =>
          new Promise((resolve) => {
            socket.once("connect", () => resolve("in"));
            socket.once("connect_error", (error) => resolve(error.message));
          }),
      ),
    );
    assert.equal(outcomes.filter((outcome) => outcome === "in").length, 31, outcomes.join());
    assert.match(outcomes.find((outcome) => outcome !== "in"), /at most 32 namespaces/);
    more[0].disconnect();
    const late = main.io.socket("/wide-late");
    await new Promise((resolve, reject) => late.once("connect", resolve).once("connect_error", reject));
    sockets.push(...more, late);
  },

  // What the script that the server gives a page can do: it is loaded from there and nowhere else.
  async script() {
    const { createRequire } = await import("node:module");
    const { mkdtempSync, writeFileSync, readFileSync, rmSync } = await import("node:fs");
    const { join, dirname } = await import("node:path");
    const { tmpdir } = await import("node:os");
    const require = createRequire(import.meta.url);
    const own = join(dirname(require.resolve("socket.io-client/package.json")), "dist");
    const folder = mkdtempSync(join(tmpdir(), "scripts-"));
    const [path] = rest;
    for (const script of ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"]) {
      for (const file of [script, `${script}.map`]) {
        const answer = await fetch(`${url}${path}${file}`, { redirect: "error" });
        assert.equal(answer.status, 200, file);
        const text = await answer.text();
        assert.equal(text, readFileSync(join(own, file), "utf8"), `${file} is the package's`);
        const again = await fetch(`${url}${path}${file}`, { headers: { "if-none-match": answer.headers.get("etag") } });
        assert.equal(again.status, 304);
        const head = await fetch(`${url}${path}${file}`, { method: "HEAD" });
        assert.deepEqual([head.status, await head.text()], [200, ""]);
        if (file === script) writeFileSync(join(folder, script.replace(".js", script.includes("esm") ? ".mjs" : ".cjs")), text);
      }
    }
    // A page's own names: `window.io` of the classic scripts, the export of the module.
    const { runInNewContext } = await import("node:vm");
    for (const script of ["socket.io.cjs", "socket.io.min.cjs", "socket.io.msgpack.min.cjs"]) {
      const page = { setTimeout, clearTimeout };
      page.self = page;
      runInNewContext(`${readFileSync(join(folder, script), "utf8")};this.kind = typeof self.io`, page);
      assert.equal(page.kind, "function", script);
    }
    assert.equal(typeof (await import(join(folder, "socket.io.esm.min.mjs"))).io, "function");
    rmSync(folder, { recursive: true });
  },
};

await cases[name]();
for (const socket of sockets) socket.disconnect();
