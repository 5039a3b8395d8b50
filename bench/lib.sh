# Sourced by the scripts beside it: a fresh server in a folder of its own, and its end. Needs bash, curl, python3.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
testward=${TESTWARD:-${CARGO_TARGET_DIR:-$here/../target}/release/testward}
[ -x "$testward" ] || { echo "no $testward: build it with cargo build --release, or name one in TESTWARD" >&2; exit 2; }
# What the surrounding shell says must not reach the server or the client under test.
unset TESTWARD_API_KEY TESTWARD_URL TESTWARD_DATA_DIR TESTWARD_SECRETS_DIR TESTWARD_LISTEN TESTWARD_BASE_URL

work=$(mktemp -d)
started=()
email=bench@example.com
password=correct-horse-battery-staple

# Ends what this script started, and nothing else.
end() {
  for pid in "${started[@]}"; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap end EXIT

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
now_ms() { echo $(($(date +%s%N) / 1000000)); }

# start DIR: starts a server on that data folder and waits until it answers. Sets pid, url, start_ms.
start() {
  local port
  port=$(free_port)
  url=http://127.0.0.1:$port
  rm -f "$work/start_ms"
  # It becomes the server, so the time counts from there and not from the start of a Python.
  TESTWARD_ADMIN_EMAIL=$email TESTWARD_ADMIN_PASSWORD=$password TESTWARD_LOG=warn python3 "$here/await.py" \
    "$port" "$work/start_ms" "$testward" serve --data-dir "$1" --listen "127.0.0.1:$port" >"$work/server.log" 2>&1 &
  pid=$!
  started+=("$pid")
  until [ -e "$work/start_ms" ]; do
    kill -0 "$pid" 2>/dev/null || { cat "$work/server.log" >&2; exit 1; }
    sleep 0.01
  done
  start_ms=$(<"$work/start_ms")
}

stop() {
  kill "$1"
  wait "$1" 2>/dev/null || true
}

make_key() { "$testward" admin key create --data-dir "$1" --user "$email" --name bench 2>/dev/null; }

# timed_upload DATA PATH: uploads by the command line to the server that runs on DATA. Sets key, idle, before_cpu, begin,
# answered; the receipt is in $work/receipt.json.
timed_upload() {
  key=$(make_key "$1")
  sleep 1 # lets the start and the making of the key settle
  idle=$(memory "$pid" VmRSS) before_cpu=$(cpu_ms "$pid")
  begin=$(now_ms)
  TESTWARD_API_KEY=$key "$testward" upload --url "$url" --project 1 --branch main --commit 0000000 --json \
    "$2" >"$work/receipt.json"
  answered=$(($(now_ms) - begin))
}

# memory PID FIELD: VmRSS or VmHWM in MB.
memory() { awk -v field="$2:" '$1 == field { printf "%.1f", $2 / 1024 }' "/proc/$1/status"; }

# cpu_ms PID: processor time used so far.
cpu_ms() { awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print int(($12 + $13) * 1000 / hz) }' "/proc/$1/stat"; }

# median NUMBERS on standard input.
median() { sort -n | awk '{ a[NR] = $1 } END { print NR % 2 ? a[(NR + 1) / 2] : (a[NR / 2] + a[NR / 2 + 1]) / 2 }'; }

# machine: a line for the record.
machine() { echo "$(date +%F), $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg), $("$testward" --version)"; }
