#!/usr/bin/env bash
# A JUnit report of 100 000 cases, uploaded by the command line to a fresh server, until it is counted.
# ingest.sh [CASES] [ROUNDS]
. "$(dirname "$0")/lib.sh"
cases=${1:-100000} rounds=${2:-3}

python3 "$here/junit.py" "$cases" >"$work/report.xml"
machine
echo "$cases cases, $(($(stat -c %s "$work/report.xml") / 1000000)) MB"

# The least that reading costs, and our reader without a server; built on the first run.
(cd "$here/.." && cargo run --quiet --release -p testward-reports --example read_junit "$work/report.xml") | tail -2

for ((round = 1; round <= rounds; round++)); do
  data=$work/data$round
  start "$data"
  timed_upload "$data" "$work/report.xml"
  seen() {
    curl -s -u ":$key" "$url/api/v1/projects/1/runs/1" |
      python3 -c 'import json, sys; sys.exit(json.load(sys.stdin)["counts"]["total"] != int(sys.argv[1]))' "$cases"
  }
  until seen; do sleep 0.02; done
  counted=$(($(now_ms) - begin))
  stage=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["stage"])' "$work/receipt.json")
  awk -v a="$answered" -v c="$counted" -v n="$cases" -v cpu="$(($(cpu_ms "$pid") - before_cpu))" -v stage="$stage" \
    -v idle="$idle" -v peak="$(memory "$pid" VmHWM)" 'BEGIN {
      printf "  answered (%s) after %.2f s, counted %.2f s, %.0f cases/s; server CPU %.2f s; ", stage, a / 1000, c / 1000, n * 1000 / a, cpu / 1000
      printf "memory %.0f MB idle, peak %.0f, +%.0f MB\n", idle, peak, peak - idle }'
  echo "$answered" >>"$work/times"
  stop "$pid"
  echo "  database $(($(stat -c %s "$data/testward.db") / 1000000)) MB"
  rm -rf "$data"
done
awk -v t="$(median <"$work/times")" 'BEGIN { printf "median %.2f s (targets: < 2 s, < 120 MB above idle)\n", t / 1000 }'
