#!/usr/bin/env bash
# Many small reports in one upload, by the command line to a fresh server, until they are counted.
# files.sh [FILES] [ROUNDS]
. "$(dirname "$0")/lib.sh"
files=${1:-1000} rounds=${2:-3}

mkdir "$work/reports"
python3 - "$work/reports" "$files" <<'PYTHON'
import pathlib, sys
folder, n = pathlib.Path(sys.argv[1]), int(sys.argv[2])
for i in range(n):
    cases = "".join(f'<testcase classname="com.example.C{i}" name="case {j}" time="0.01"/>' for j in range(8))
    (folder / f"TEST-C{i}.xml").write_text(f'<testsuite name="com.example.C{i}" tests="8">{cases}</testsuite>')
PYTHON
machine
echo "$files files, $(du -sb "$work/reports" | awk '{ printf "%.1f", $1 / 1000000 }') MB"

for ((round = 1; round <= rounds; round++)); do
  data=$work/data$round
  start "$data"
  timed_upload "$data" "$work/reports"
  python3 -c 'import json, sys; r = json.load(open(sys.argv[1])); assert r["run"]["counts"]["total"] == 8 * int(sys.argv[2]), r["run"]' \
    "$work/receipt.json" "$files"
  awk -v a="$answered" -v n="$files" -v cpu="$(($(cpu_ms "$pid") - before_cpu))" -v idle="$idle" \
    -v peak="$(memory "$pid" VmHWM)" 'BEGIN {
      printf "  answered and counted after %.2f s, %.2f ms a file; server CPU %.2f s; memory +%.0f MB\n", a / 1000, a / n, cpu / 1000, peak - idle }'
  echo "$answered" >>"$work/times"
  stop "$pid"
  rm -rf "$data"
done
awk -v t="$(median <"$work/times")" 'BEGIN { printf "median %.2f s\n", t / 1000 }'
