#!/usr/bin/env python3
"""Runs the README's demo with real programs in a real terminal (tmux), and draws what its panes show into docs/demo.svg.

Needs tmux, OpenBSD nc, ncat, openssl and python3. Usage: scripts/demo_picture.py [path of the switchboard binary]
"""

import html
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/release/switchboard").resolve()
PORT = "12345"
COLUMNS, ROWS = 84, 11

PANES = [
    ("nc", f"nc localhost {PORT}"),
    ("UDP", f"nc -u localhost {PORT}"),
    ("TLS", f"openssl s_client -quiet -connect localhost:{PORT} 2>/dev/null"),
    ("switchboard chat", f"{BINARY} chat --plain --nick dora"),
]

# Who says what, in order. The first words of each client make it known to the others.
TALK = [
    (0, "/nick ada"),
    (2, "/nick carl"),
    (1, "/nick bob"),
    (0, "hello from nc"),
    (1, "a datagram is a message"),
    (2, "and this line came encrypted"),
    (3, "one room, every socket"),
    (0, "/me waves"),
]


def tmux(*arguments):
    return subprocess.run(["tmux", "-L", "switchboard-demo", *arguments], check=True, capture_output=True, text=True).stdout


def screen(pane):
    return tmux("capture-pane", "-p", "-t", f"demo:{pane}.0").rstrip("\n")


def wait_for(condition, what):
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited in vain for {what}")
        time.sleep(0.05)


def record(environment):
    """Types the talk into the panes, each line when everybody has seen the one before; gives the panes' texts."""
    tmux("-f", "/dev/null", "new-session", "-d", "-s", "demo", "-x", str(COLUMNS), "-y", str(ROWS), "-n", "0", "sh")
    try:
        for number in range(1, len(PANES)):
            tmux("new-window", "-d", "-t", f"demo:{number}", "-n", str(number), "sh")
        for number, (_, command) in enumerate(PANES):
            exports = " ".join(f"{name}={value}" for name, value in environment.items())
            tmux("send-keys", "-t", f"demo:{number}.0", f"clear; {exports} exec {command}", "Enter")
        for number in (0, 2, 3):
            wait_for(lambda number=number: "here" in screen(number), f"a greeting in {PANES[number][0]}")
        for pane, line in TALK:
            tmux("send-keys", "-t", f"demo:{pane}.0", "-l", line)
            tmux("send-keys", "-t", f"demo:{pane}.0", "Enter")
            words = line.split(" ", 1)[1] if line.startswith("/") else line
            others = [number for number in (0, 2, 3) if number != pane]
            wait_for(lambda: all(words in screen(number) for number in others), f"{line!r} everywhere")
        return [screen(number) for number in range(len(PANES))]
    finally:
        tmux("kill-session", "-t", "demo")


def draw(texts):
    """The panes side by side, two in a row."""
    width, line_height, padding, title = COLUMNS * 7.9 + 24, 17, 12, 26
    height = title + ROWS * line_height + 2 * padding
    total_width, total_height = 2 * width + 3 * padding, 2 * height + 3 * padding
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total_width:.0f} {total_height:.0f}" role="img" '
        'aria-label="Four terminals with different clients in one room">',
        "<style>text{font:13px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre}"
        ".pane{fill:#16181d}.bar{fill:#22252d}.title{fill:#9aa4b2;font-weight:600}.text{fill:#d6dbe3}"
        ".notice{fill:#7f8998}.nick{fill:#6fc3ff}</style>",
    ]
    for number, ((name, command), text) in enumerate(zip(PANES, texts)):
        x = padding + (number % 2) * (width + padding)
        y = padding + (number // 2) * (height + padding)
        shown = command.replace(str(BINARY), "switchboard").replace(" 2>/dev/null", "")
        out.append(f'<rect class="pane" x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{height:.0f}" rx="8"/>')
        out.append(f'<text class="title" x="{x + padding:.0f}" y="{y + 18:.0f}">$ {html.escape(shown)}</text>')
        for row, line in enumerate(text.split("\n")[-ROWS:]):
            kind = "notice" if line.startswith(("--", "* ")) else "text"
            place = f'x="{x + padding:.0f}" y="{y + title + padding + (row + 0.7) * line_height:.0f}"'
            content = html.escape(line)
            if line.startswith("<") and "> " in line:
                nick, rest = line.split("> ", 1)
                content = f'<tspan class="nick">{html.escape(nick + ">")}</tspan> {html.escape(rest)}'
            out.append(f'<text class="{kind}" {place}>{content}</text>')
    out.append("</svg>\n")
    return "\n".join(out)


def main():
    with tempfile.TemporaryDirectory() as folder:
        environment = {"XDG_RUNTIME_DIR": folder}
        command = [BINARY, "serve", "--data-dir", f"{folder}/data", "--listen", PORT, "--tls-self-signed"]
        server = subprocess.Popen(
            [*command, "--log-level", "warn"], stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
        )
        try:
            server.stdout.readline()
            server.stdout.readline()
            picture = draw(record(environment))
        finally:
            server.terminate()
            server.wait(10)
    (ROOT / "docs/demo.svg").write_text(picture)
    print("docs/demo.svg")


main()
