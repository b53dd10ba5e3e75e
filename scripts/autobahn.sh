#!/bin/sh
# Runs the Autobahn WebSocket conformance suite against a server and fails unless it is strict.
#
#   scripts/autobahn.sh [--compression] [--cases 1,2,...] [URL]
#
# --compression  the server compresses for who offers it.
# --cases  the sections to run, comma-separated; by default 1 to 10, and with compression 12 and 13 too.
# URL      the server, such as ws://127.0.0.1:9001/; by default the example websocket_echo is built,
#          started on a free port, and stopped at the end.
# PYTHON2  a CPython 2.7, which the suite needs; by default python2.7, else the newest of pyenv's.
#
# The suite is installed once into target/autobahn, where its reports are left as well. Every case
# must end OK or INFORMATIONAL, in its behaviour and in its close; NON-STRICT counts as a failure.

set -eu

SUITE='autobahntestsuite==25.10.1'
VIRTUALENV='virtualenv==20.15.1'

root=$(cd "$(dirname "$0")/.." && pwd)
home=${CARGO_TARGET_DIR:-$root/target}/autobahn
cases=
compression=
url=

usage() {
    sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case $1 in
    --compression) compression=--compression; shift ;;
    --cases) [ $# -ge 2 ] || usage; cases=$2; shift 2 ;;
    ws://* | wss://*) url=$1; shift ;;
    *) usage ;;
    esac
done

if [ -z "$cases" ]; then
    cases=1,2,3,4,5,6,7,8,9,10${compression:+,12,13}
fi

find_python2() {
    if [ -n "${PYTHON2:-}" ]; then
        echo "$PYTHON2"
    elif command -v python2.7 >/dev/null && python2.7 -c '' 2>/dev/null; then
        echo python2.7
    else
        for python in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/2.7.*/bin/python; do
            [ -x "$python" ] && found=$python
        done
        if [ -z "${found:-}" ]; then
            echo 'autobahn: no Python 2.7 found; set PYTHON2' >&2
            return 1
        fi
        echo "$found"
    fi
}

mkdir -p "$home"
if [ ! -f "$home/installed" ]; then
    python=$(find_python2)
    echo "autobahn: installing $SUITE with $python" >&2
    # virtualenv, because the suite's namespace packages do not work from a bare --target folder.
    "$python" -m pip install --quiet --target "$home/virtualenv" "$VIRTUALENV" 2>"$home/install.log"
    PYTHONPATH="$home/virtualenv" "$python" -m virtualenv --quiet "$home/python" 2>>"$home/install.log"
    "$home/python/bin/pip" install --quiet "$SUITE" 2>>"$home/install.log"
    touch "$home/installed"
fi

if [ -z "$url" ]; then
    (cd "$root" && cargo build --quiet --release -p switchboard-protocols --example websocket_echo)
    ready=$home/ready
    "${CARGO_TARGET_DIR:-$root/target}/release/examples/websocket_echo" $compression >"$ready" &
    server=$!
    trap 'kill "$server" 2>/dev/null' EXIT
    until address=$(sed -n 's/^ready on //p' "$ready") && [ -n "$address" ]; do
        kill -0 "$server" || { echo 'autobahn: the echo server did not start' >&2; exit 1; }
        sleep 0.1
    done
    url=ws://$address/
fi

rm -rf "$home/reports"
cat >"$home/fuzzingclient.json" <<JSON
{
    "outdir": "$home/reports",
    "servers": [{"agent": "switchboard", "url": "$url"}],
    "cases": [$(echo "$cases" | sed 's/[^,]\{1,\}/"&.*"/g')],
    "exclude-cases": [],
    "exclude-agent-cases": {}
}
JSON
"$home/python/bin/wstest" -m fuzzingclient -s "$home/fuzzingclient.json" >"$home/run.log" 2>&1 || {
    tail -n 20 "$home/run.log" >&2
    exit 1
}

"$home/python/bin/python" - "$home/reports/index.json" <<'PYTHON'
import collections, json, sys

results = json.load(open(sys.argv[1])).get("switchboard", {})
counts = collections.Counter(str(result["behavior"]) for result in results.values())
failures = sorted(
    (case, str(result["behavior"]), str(result["behaviorClose"]))
    for case, result in results.items()
    if not {result["behavior"], result["behaviorClose"]} <= {"OK", "INFORMATIONAL"}
)
print("%d cases: %s" % (len(results), ", ".join("%d %s" % (n, name) for name, n in counts.most_common())))
print("%.1f s in all" % (sum(result["duration"] for result in results.values()) / 1000.0))
for case, behavior, close in failures:
    print("case %s: %s, close %s" % (case, behavior, close))
sys.exit(1 if failures or not results else 0)
PYTHON
