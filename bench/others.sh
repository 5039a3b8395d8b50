#!/usr/bin/env bash
# Verified requests a second, ours beside others', each server on one core and the load generator on the other.
# others.sh [SECONDS] [ROUNDS]. Needs also wrk, nginx, taskset, node and npm; installs what it compares with.
. "$(dirname "$0")/lib.sh"
seconds=${1:-5} rounds=${2:-3}
others=$here/others

(
  cd "$others"
  npm ci --no-audit --no-fund --ignore-scripts >/dev/null
  # Its ready-made binary would have to be downloaded; it builds against the headers that came with node.
  headers=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
  [ -e node_modules/better-sqlite3/build/Release/better_sqlite3.node ] ||
    npm rebuild better-sqlite3 --build-from-source --nodedir="$headers" >/dev/null 2>&1
  [ -x .venv/bin/python ] || python3 -m venv .venv
  .venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
)

# serve NAME COMMAND…: starts a server on core 0. It writes its key to $work/NAME.key. Sets at, pid.
serve() {
  local name=$1 port
  shift
  port=$(free_port)
  at=http://127.0.0.1:$port
  taskset -c 0 "$@" "$port" "$work/$name.key" >"$work/$name.log" 2>&1 &
  pid=$!
  started+=("$pid")
  for ((i = 0; i < 600; i++)); do
    [ -s "$work/$name.key" ] && curl -s -o "$work/answer" "$at/ping" && return
    sleep 0.1
  done
  cat "$work/$name.log" >&2
  exit 1
}

# tree_cpu_ms PID: processor time of a process and of its children.
tree_cpu_ms() {
  local sum=0 one
  for one in "$1" $(pgrep -P "$1" || true); do sum=$((sum + $(cpu_ms "$one"))); done
  echo "$sum"
}

# load NAME PID URL [HEADER]: one round.
load() {
  local out cpu
  taskset -c 1 wrk -t1 -c16 -d1s "${@:4}" "$3" >"$work/warm" # warms it up
  cpu=$(tree_cpu_ms "$2")
  out=$(taskset -c 1 wrk -t1 -c64 -d"${seconds}s" --latency "${@:4}" "$3")
  cpu=$(($(tree_cpu_ms "$2") - cpu))
  if grep -q 'Non-2xx' <<<"$out"; then
    echo "$1: $out" >&2
    exit 1
  fi
  awk -v name="$1" -v cpu="$cpu" '
    /requests in/ { n = $1 } $1 == "99%" { p99 = $2 } /^Requests\/sec/ { rate = $2 }
    END { printf "  %-24s %9.0f req/s  CPU %8.1f µs/request  p99 %s\n", name, rate, cpu * 1000 / n, p99 }' <<<"$out" |
    tee -a "$work/rounds"
}

machine
start "$work/data"
ours=$pid
taskset -acp 0 "$ours" >"$work/pinned"
key=$(make_key "$work/data")

mkdir "$work/www" "$work/nginx"
echo ok >"$work/www/ping"
nginx_at=$(free_port)
cat >"$work/nginx.conf" <<CONF
daemon off;
worker_processes 1;
pid $work/nginx/pid;
error_log $work/nginx/error.log;
events { worker_connections 1024; }
http {
  access_log off;
  open_file_cache max=100;
  client_body_temp_path $work/nginx/body;
  proxy_temp_path $work/nginx/proxy;
  fastcgi_temp_path $work/nginx/fastcgi;
  uwsgi_temp_path $work/nginx/uwsgi;
  scgi_temp_path $work/nginx/scgi;
  default_type text/plain;
  server { listen 127.0.0.1:$nginx_at; root $work/www; keepalive_requests 100000000; }
}
CONF
chmod 711 "$work"
chmod -R a+rX "$work/www"
taskset -c 0 nginx -c "$work/nginx.conf" 2>"$work/nginx.log" &
nginx=$!
started+=("$nginx")
until curl -s -o "$work/answer" "http://127.0.0.1:$nginx_at/ping"; do sleep 0.1; done

for ((round = 1; round <= rounds; round++)); do
  load "nginx static" "$nginx" "http://127.0.0.1:$nginx_at/ping"
  load "testward healthz" "$ours" "$url/healthz"
  load "testward" "$ours" "$url/api/v1/ping" -H "Authorization: Bearer $key"
done
for mode in documented tuned; do
  serve "fastapi-$mode" "$others/.venv/bin/python" "$others/fastapi_keys.py" "$mode"
  load "fastapi $mode" "$pid" "$at/ping" -H "X-API-Key: $(<"$work/fastapi-$mode.key")"
  stop "$pid"
  serve "better-auth-$mode" node "$others/better-auth.mjs" "$mode"
  load "better-auth $mode" "$pid" "$at/ping" -H "X-API-Key: $(<"$work/better-auth-$mode.key")"
  stop "$pid"
  serve "drf-$mode" "$others/.venv/bin/python" "$others/drf_keys.py" "$mode"
  load "drf-api-key $mode" "$pid" "$at/ping" -H "Authorization: Api-Key $(<"$work/drf-$mode.key")"
  stop "$pid"
done

echo "Best of each, and how many times ours it is slower:"
sort -k1,1 "$work/rounds" | awk '
  { name = ""; for (i = 1; $i !~ /^[0-9]/; i++) name = name (name ? " " : "") $i
    if ($i > rate[name]) { rate[name] = $i; cpu[name] = $(i + 3) } }
  END { for (name in rate) printf "  %-24s %9.0f req/s %8.1f µs  1/%.1f\n", name, rate[name], cpu[name], rate["testward"] / rate[name] }' | sort -k4 -n
