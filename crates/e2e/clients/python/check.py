"""python-socketio, synchronous or with asyncio, through every check of the common list, which
`crates/e2e/src/bin/clients/list.rs` holds. Arguments: manner, transport, and the URLs of the server, of a way to it that
is cut on request, and of such a way to a server with recovery. Each result is a line of JSON on standard output."""

import asyncio
import json
import os
import sys
import time

import socketio

MANNER, TRANSPORT, URL, CUTTABLE, RECOVERING = sys.argv[1:6]
TRANSPORTS = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": ["polling", "websocket"]}[TRANSPORT]
PASS = "sesame"
# How long a check may take, and how long the heartbeat is watched: longer than the server waits for a pong in all.
PATIENCE = 30
HEARTBEATS = 8


def report(**line):
    print(json.dumps(line), flush=True)


async def until(what, condition):
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > PATIENCE:
            raise AssertionError(f"never: {what}")
        await asyncio.sleep(0.005)


async def cut():
    """Cuts every connection that goes by a way that can be cut."""
    report(ask="cut")
    await asyncio.to_thread(sys.stdin.readline)


def equal(is_so, wanted):
    if is_so != wanted:
        raise AssertionError(f"{str(is_so)[:300]!r} instead of {str(wanted)[:300]!r}")


class Client:
    """A client of either manner, whose methods are to be awaited."""

    opened = []

    def __init__(self, namespaces=("/game",), **options):
        make = socketio.Client if MANNER == "sync" else socketio.AsyncClient
        options = {"reconnection": False, "reconnection_delay": 0.05, "reconnection_delay_max": 0.2, **options}
        self.client = make(**options)
        self.namespaces = list(namespaces)
        self.heard = {path: [] for path in namespaces}
        self.log = []
        for path in namespaces:
            self.client.on("*", self.hearing(path), namespace=path)
            self.client.on("connect", lambda: self.log.append("connect"), namespace=path)
            self.client.on("disconnect", lambda reason: self.log.append(reason), namespace=path)
            self.client.on("connect_error", lambda data: self.log.append(data), namespace=path)
        Client.opened.append(self)

    def hearing(self, path):
        return lambda *event: self.heard[path].append(list(event))

    async def do(self, name, *args, **more):
        method = getattr(self.client, name)
        if MANNER == "sync":
            return await asyncio.to_thread(method, *args, **more)
        return await method(*args, **more)

    async def connect(self, auth=None, url=URL):
        auth = {"pass": PASS, **(auth or {})}
        await self.do(
            "connect", url, auth=auth, namespaces=self.namespaces, transports=TRANSPORTS, wait_timeout=PATIENCE
        )
        return self

    async def emit(self, name, *args):
        await self.do("emit", name, args, namespace=self.namespaces[-1])

    async def ask(self, name, *args):
        return await self.do("call", name, args, namespace=self.namespaces[-1], timeout=PATIENCE)

    async def hears(self, name, path=None):
        heard = self.heard[path or self.namespaces[-1]]
        found = lambda: next((event for event in heard if event[0] == name), None)
        await until(f"hears {name}", found)
        return found()

    def all_of(self, name):
        return [event for event in self.heard[self.namespaces[-1]] if event[0] == name]

    @property
    def id(self):
        return self.client.get_sid(self.namespaces[-1])


async def game(**options):
    return await Client(**options).connect()


async def chat(nick=None):
    return await Client(["/"]).connect({"nick": nick} if nick else None)


class Checks:
    async def connect(self):
        one = await game()
        wanted = "websocket" if TRANSPORT == "upgrade" else TRANSPORT
        await until(wanted, lambda: one.client.transport() == wanted)
        await one.ask("still here")

    async def hello(self):
        one = await chat("ada")
        equal((await one.hears("welcome"))[1]["nick"], "ada")

    async def ack(self):
        one = await chat()
        answer = await one.ask("message", "hello")
        equal([answer["ok"], answer["seq"] > 0], [True, True])
        no = await one.ask("message", {"room": "nowhere", "text": "x"})
        equal([no["ok"], no["code"]], [False, "not_a_member"])

    async def broadcast(self):
        one, other = await chat("ada"), await chat("bob")
        await one.emit("message", "hello é😀")
        message = (await other.hears("message"))[1]
        equal([message["text"], message["from"]["nick"]], ["hello é😀", "ada"])

    async def arguments(self):
        one, other = await game(), await game()
        every = [None, True, False, 0, -1.5, 1e21, 9007199254740991, "", "é😀\u0001\"\\"]
        every += [[], [1, [2]], {}, {"a": {"b": None}, "ключ": "значение"}]
        await one.ask("all", *every)
        equal(await other.hears("all"), ["all", *every])

    async def bytes(self):
        one, other = await game(), await game()
        every = bytes(range(256))
        await one.emit("bytes", every)
        equal(await other.hears("bytes"), ["bytes", every])

    async def nested(self):
        one, other = await game(), await game()
        await one.ask("nested", b"\x00\xff", {"a": [b"\x01\x02", {"b": b""}]}, "end")
        equal(await other.hears("nested"), ["nested", b"\x00\xff", {"a": [b"\x01\x02", {"b": b""}]}, "end"])

    async def rooms(self):
        one, other, third = await game(), await game(), await game()
        for who in [one, other]:
            equal((await who.ask("join", "red"))["ok"], True)
        equal((await one.ask("to", "red", "team", 1))["ok"], True)
        equal(await other.hears("team"), ["team", 1])
        equal((await other.ask("leave", "red"))["ok"], True)
        await one.ask("to", "red", "team", 2)
        await one.ask("last")
        for who in [other, third]:
            await who.hears("last")
        equal([len(other.all_of("team")), len(third.all_of("team"))], [1, 0])

    async def direct(self):
        one, other, third = await game(), await game(), await game()
        equal((await one.ask("to", other.id, "whisper", "x"))["ok"], True)
        equal(await other.hears("whisper"), ["whisper", "x"])
        await one.ask("last")
        await third.hears("last")
        equal(third.all_of("whisper"), [])

    async def namespaces(self):
        both = await Client(["/", "/game"]).connect()
        other = await game()
        await other.ask("move", 1)
        equal(await both.hears("move", "/game"), ["move", 1])
        equal([event for event in both.heard["/"] if event[0] == "move"], [])

    async def part(self):
        raise AssertionError("the client leaves all of its namespaces or none")

    async def refusal(self, client, auth=None):
        try:
            await client.connect(auth)
        except socketio.exceptions.ConnectionError:
            return next(entry for entry in client.log if isinstance(entry, dict))
        raise AssertionError("it is connected")

    async def unknown(self):
        equal((await self.refusal(Client(["/unknown"])))["message"], "Invalid namespace")

    async def refused(self):
        data = await self.refusal(Client(["/"]), {"pass": "wrong"})
        equal([data["message"], data["data"]["code"]], ["that is not the join code", "pass_wrong"])

    async def exact(self):
        one, other, listener = await game(), await game(), await chat()
        events = [["one"], ["two", 2], ["three", {"x": []}, "a string"], ["four", ""]]
        for event in events:
            await one.ask(*event)
        await other.hears("four")
        equal(other.heard["/game"], events)
        speaker = await chat("eve")
        await speaker.ask("message", "x")
        await listener.hears("message")
        heard = [[name, len(args), type(args[0])] for name, *args in listener.heard["/"]]
        equal(heard, [[name, 1, dict] for name in ["welcome", "joined", "message"]])

    async def large(self):
        one, other = await game(), await game()
        text = "0123456789abcdef" * 53_000 + "é"
        await one.ask("large", text)
        equal((await other.hears("large"))[1] == text, True)

    async def order(self):
        one, other = await game(), await game()
        for number in range(100):
            await one.emit("count", number)
        await until("all of them", lambda: len(other.all_of("count")) >= 100)
        await one.ask("last")
        counted = other.all_of("count")
        if MANNER == "sync":
            # It gives each event a thread of its own, and their order is that of the threads.
            counted.sort(key=lambda event: event[1])
        equal(counted, [["count", number] for number in range(100)])

    async def comes_back(self, *clients):
        await cut()
        await until("back", lambda: all(who.client.connected and who.log.count("connect") > 1 for who in clients))
        await until("in", lambda: all(who.id for who in clients))

    async def reconnect(self):
        one, other = await Client(reconnection=True).connect(url=CUTTABLE), await game()
        await one.ask("before")
        await self.comes_back(one)
        await one.ask("after")
        await other.hears("after")
        await other.ask("back", 1)
        equal((await one.hears("back"))[:2], ["back", 1])

    async def kicked(self):
        one = await chat()
        await one.emit("quit")
        await until("told", lambda: len(one.log) > 1)
        equal(one.log, ["connect", one.client.reason.SERVER_DISCONNECT])

    async def leaving(self):
        one, other = await chat("ada"), await chat()
        await one.do("disconnect")
        await until("told", lambda: len(one.log) > 1)
        equal(one.log, ["connect", one.client.reason.CLIENT_DISCONNECT])
        equal((await other.hears("left"))[1]["from"]["nick"], "ada")

    async def names(self):
        one, other = await Client().connect(url=RECOVERING), await Client().connect(url=RECOVERING)
        await one.ask("one")
        await one.ask("two", 2)
        await other.hears("two")
        equal([event[0] for event in other.heard["/game"]], ["one", "two"])

    async def recovered(self):
        raise AssertionError("the client has no recovery")

    async def heartbeat(self):
        await asyncio.sleep(max(0, IDLE_SINCE + HEARTBEATS - time.monotonic()))
        equal([IDLE.client.connected, IDLE.id, IDLE.log], [True, IDLE_ID, ["connect"]])
        await IDLE.ask("still here")
        await IDLE.do("disconnect")


# As the common list has them.
ORDER = "connect hello ack broadcast arguments bytes nested rooms direct namespaces part unknown refused exact large "
ORDER += "order reconnect kicked leaving names recovered heartbeat"


async def main():
    global IDLE, IDLE_SINCE, IDLE_ID
    IDLE, IDLE_SINCE = await game(), time.monotonic()
    IDLE_ID = IDLE.id
    for check in ORDER.split():
        Client.opened = []
        try:
            await getattr(Checks(), check)()
            report(check=check, ok=True)
        except Exception as error:
            report(check=check, ok=False, why=f"{type(error).__name__}: {error}")
        for one in Client.opened:
            if one.client.connected:
                await one.do("disconnect")


asyncio.run(main())
sys.stdout.flush()
# Threads of clients that come back by themselves may still wait.
os._exit(0)
