#!/usr/bin/env bash
# Cold start and idle memory of an empty server; then page times and start time with a million stored results.
# startup.sh [UPLOADS]   10 uploads of 100 000 results each unless said otherwise; 0 leaves the second part out
. "$(dirname "$0")/lib.sh"
uploads=${1:-10}

machine
for round in 1 2 3 4 5; do
  start "$work/empty$round"
  echo "$start_ms" >>"$work/first"
  stop "$pid"
  start "$work/empty$round"
  echo "$start_ms" >>"$work/again"
  sleep 1
  memory "$pid" VmRSS >>"$work/rss"
  echo >>"$work/rss"
  stop "$pid"
done
echo "new data folder, first person made (argon2): /healthz after $(median <"$work/first") ms"
echo "known data folder: /healthz after $(median <"$work/again") ms (target < 100); idle $(median <"$work/rss") MB (target < 40)"
[ "$uploads" -gt 0 ] || exit 0

start "$work/data"
key=$(make_key "$work/data")
for ((i = 1; i <= uploads; i++)); do
  python3 "$here/junit.py" 100000 "$i" >"$work/report.xml"
  begin=$(now_ms)
  TESTWARD_API_KEY=$key "$testward" upload --url "$url" --project 1 --branch main --commit 0000000 "$work/report.xml" \
    >"$work/upload.log"
  echo "  upload $i: $(($(now_ms) - begin)) ms"
done
stop "$pid"
echo "database of $((uploads * 100000)) results: $(($(stat -c %s "$work/data/testward.db") / 1000000)) MB"
for round in 1 2 3; do
  start "$work/data"
  echo "$start_ms" >>"$work/full"
  [ "$round" = 3 ] || stop "$pid"
done
echo "start on it: /healthz after $(median <"$work/full") ms (target < 1000)"

token=$(curl -s -H 'Content-Type: application/json' -d "{\"email\":\"$email\",\"password\":\"$password\"}" \
  "$url/api/v1/session" | python3 -c 'import json, sys; print(json.load(sys.stdin)["token"])')
runs=/team/1/project/1/executions
run=$runs/$uploads
curl -sf -b "testward=$token" "$url$run" >"$work/run.html"
result=$(grep -om1 "$run/results/[0-9]*" "$work/run.html")

# page NAME PATH: the first answer of a cold cache, then the median and the slowest of 20.
page() {
  local first all
  first=$(curl -sf -o /dev/null -w '%{time_total}' -b "testward=$token" "$url$2") || { echo "$1: $2 fails" >&2; return; }
  all=$(for _ in $(seq 20); do curl -sf -o /dev/null -w '%{time_total}\n' -b "testward=$token" "$url$2"; done)
  awk -v name="$1" -v first="$first" -v median="$(median <<<"$all")" -v worst="$(sort -n <<<"$all" | tail -1)" 'BEGIN {
    printf "  %-34s first %6.1f ms   median %6.1f ms   slowest %6.1f ms\n", name, first * 1000, median * 1000, worst * 1000 }'
}
echo "pages (target < 50 ms):"
page "list of runs" "$runs"
page "run" "$run"
page "run, failed only" "$run?status=FAILED"
page "run, search" "$run?q=voucher+099"
page "first run" "$runs/1"
page "result" "$result"
page "projects" /projects
page "API: runs" /api/v1/projects/1/runs
page "API: results of a run" "/api/v1/projects/1/runs/$uploads/results"
echo "memory after that: $(memory "$pid" VmRSS) MB, peak $(memory "$pid" VmHWM) MB"
