"""python-socketio against a running server, synchronous or with asyncio (first argument), by polling, by WebSocket or
with the upgrade between them (second): everything that a program does. It ends with 0 when all of it went well."""

import asyncio
import queue
import subprocess
import sys
import threading

import socketio

MANNER, TRANSPORT, URL = sys.argv[1:4]
PORT = URL.rsplit(":", 1)[1]
OPTIONS = {"polling": {"transports": ["polling"]}, "websocket": {"transports": ["websocket"]}, "upgrade": {}}[TRANSPORT]
NICK = f"py-{MANNER}-{TRANSPORT}"
PATIENCE = 60


class Netcat:
    """A person with a terminal in the same room."""

    def __init__(self):
        self.program = subprocess.Popen(["nc", "localhost", PORT], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.hears("Welcome")

    def say(self, line):
        self.program.stdin.write(f"{line}\n".encode())
        self.program.stdin.flush()

    def hears(self, part):
        for line in self.program.stdout:
            if part.encode() in line:
                return
        raise AssertionError(f"nc never heard {part!r}")


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def synchronous():
    heard, drawn, moved = queue.Queue(), queue.Queue(), queue.Queue()
    client = socketio.Client(reconnection=False)
    # Handlers with one parameter, as everybody writes them: no further argument may come.
    client.on("message", lambda message: heard.put(message))
    client.on("draw", lambda shape, data: drawn.put((shape, data)))
    client.on("move", lambda x: moved.put(x), namespace="/game")
    client.connect(URL, auth={"nick": NICK}, namespaces=["/", "/game"], **OPTIONS)
    netcat = Netcat()
    netcat.say("hello from nc")
    while heard.get(timeout=PATIENCE)["text"] != "hello from nc":
        pass
    ack = client.call("message", "hello from python", timeout=PATIENCE)
    check(ack["ok"] and ack["seq"] > 0, ack)
    netcat.hears(f"<{NICK}> hello from python")
    check(client.call("join", {"room": "dev"}, timeout=PATIENCE)["room"] == "dev", "joined")
    other = socketio.Client(reconnection=False)
    other.connect(URL, namespaces=["/", "/game"], **OPTIONS)
    check(other.call("draw", ({"x": 1}, b"\x01\x02\x03"), timeout=PATIENCE)["ok"], "relayed")
    check(drawn.get(timeout=PATIENCE) == ({"x": 1}, b"\x01\x02\x03"), "binary arrives")
    other.emit("move", 3, namespace="/game")
    check(moved.get(timeout=PATIENCE) == 3, "the namespace relays")
    # More at once than its library takes in one answer to a poll.
    netcat.say("\n".join(f"burst {number}" for number in range(100)))
    for number in range(100):
        while (text := heard.get(timeout=PATIENCE)["text"]) == "hello from python":
            pass
        check(text == f"burst {number}", text)
    try:
        refused = socketio.Client(reconnection=False)
        refused.connect(URL, namespaces=["/unknown"], wait_timeout=PATIENCE, **OPTIONS)
        raise AssertionError("an unknown namespace is refused")
    except socketio.exceptions.ConnectionError:
        refused.disconnect()
    if TRANSPORT == "upgrade":
        check(client.transport() == "websocket", "it was upgraded")
    netcat.program.kill()
    other.disconnect()
    client.disconnect()


async def asynchronous():
    heard, drawn, moved = asyncio.Queue(), asyncio.Queue(), asyncio.Queue()
    client = socketio.AsyncClient(reconnection=False)
    client.on("message", lambda message: heard.put_nowait(message))
    client.on("draw", lambda shape, data: drawn.put_nowait((shape, data)))
    client.on("move", lambda x: moved.put_nowait(x), namespace="/game")
    await client.connect(URL, auth={"nick": NICK}, namespaces=["/", "/game"], **OPTIONS)
    netcat = await asyncio.to_thread(Netcat)
    netcat.say("hello from nc")
    while (await heard.get())["text"] != "hello from nc":
        pass
    ack = await client.call("message", "hello from asyncio", timeout=PATIENCE)
    check(ack["ok"] and ack["seq"] > 0, ack)
    await asyncio.to_thread(netcat.hears, f"<{NICK}> hello from asyncio")
    other = socketio.AsyncClient(reconnection=False)
    await other.connect(URL, namespaces=["/", "/game"], **OPTIONS)
    check((await other.call("draw", ({"x": 1}, b"\x01\x02\x03"), timeout=PATIENCE))["ok"], "relayed")
    check(await drawn.get() == ({"x": 1}, b"\x01\x02\x03"), "binary arrives")
    await other.emit("move", 3, namespace="/game")
    check(await moved.get() == 3, "the namespace relays")
    # More at once than its library takes in one answer to a poll.
    await asyncio.to_thread(netcat.say, "\n".join(f"burst {number}" for number in range(100)))
    for number in range(100):
        text = (await heard.get())["text"]
        check(text == f"burst {number}", text)
    if TRANSPORT == "upgrade":
        check(client.transport() == "websocket", "it was upgraded")
    netcat.program.kill()
    await other.disconnect()
    await client.disconnect()


def too_late():
    print(f"{NICK}: it takes too long", file=sys.stderr, flush=True)
    import os

    os._exit(1)


guard = threading.Timer(PATIENCE, too_late)
guard.daemon = True
guard.start()
if MANNER == "sync":
    synchronous()
else:
    asyncio.run(asynchronous())
