#!/usr/bin/env bash
# Requests a second: nginx with a static file, our /healthz, and the same answer behind an API key.
# http.sh [SECONDS] [ROUNDS]
. "$(dirname "$0")/lib.sh"
seconds=${1:-10} rounds=${2:-3}

start "$work/data"
key=$(make_key "$work/data")
basic=$(printf ':%s' "$key" | base64 -w0)

port=$(free_port)
mkdir "$work/www" "$work/nginx"
echo ok >"$work/www/healthz"
cat >"$work/nginx.conf" <<CONF
daemon off;
worker_processes auto;
pid $work/nginx/pid;
error_log $work/nginx/error.log;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path $work/nginx/body;
  proxy_temp_path $work/nginx/proxy;
  fastcgi_temp_path $work/nginx/fastcgi;
  uwsgi_temp_path $work/nginx/uwsgi;
  scgi_temp_path $work/nginx/scgi;
  default_type text/plain;
  sendfile on;
  server { listen 127.0.0.1:$port; root $work/www; keepalive_requests 100000000; }
}
CONF
# nginx as root answers as nobody, who must reach the file.
chmod 711 "$work"
chmod -R a+rX "$work/www"
nginx -c "$work/nginx.conf" 2>"$work/nginx.log" &
started+=("$!")
python3 "$here/await.py" "$port"

# load NAME URL [HEADER]: one round; keeps req/s, and the server's processor time a request.
load() {
  local out rate cpu
  cpu=$(cpu_ms "$pid")
  out=$(wrk -t1 -c64 -d"${seconds}s" --latency "${@:3}" "$2")
  rate=$(awk '/^Requests\/sec/ { print $2 }' <<<"$out")
  if grep -q 'Non-2xx\|Socket errors' <<<"$out"; then
    echo "$1: $out" >&2
    exit 1
  fi
  echo "$rate" >>"$work/rates-$1"
  cpu=$(($(cpu_ms "$pid") - cpu))
  awk -v name="$1" -v rate="$rate" -v cpu="$cpu" -v n="$(awk '/requests in/ { print $1 }' <<<"$out")" \
    -v p99="$(awk '$1 == "99%" { print $2 }' <<<"$out")" 'BEGIN {
      printf "  %-8s %8.0f req/s  p99 %-8s", name, rate, p99
      if (cpu > 100) printf "  server CPU %.1f µs/request", cpu * 1000 / n
      print "" }'
}

machine
for ((round = 1; round <= rounds; round++)); do
  load nginx "http://127.0.0.1:$port/healthz"
  load healthz "$url/healthz"
  load ping "$url/api/v1/ping" -H "Authorization: Basic $basic"
done
nginx=$(median <"$work/rates-nginx") healthz=$(median <"$work/rates-healthz") ping=$(median <"$work/rates-ping")
echo "medians: nginx $nginx, /healthz $healthz, /api/v1/ping with a key $ping req/s"
awk -v n="$nginx" -v h="$healthz" -v p="$ping" 'BEGIN {
  printf "ping/healthz %.0f %% (target >= 85 %%), healthz/nginx %.0f %%\n", 100 * p / h, 100 * h / n }'
