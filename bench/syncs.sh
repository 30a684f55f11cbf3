#!/usr/bin/env bash
# Question: is each commit synced once to the -wal file, and does no answer leave before its own sync?
# Method: `syncs.js` sends a number of commands, one after the other, and writes a line to standard output for each answer;
# strace lists the syncs by file and the order of commits, syncs and answers. Checkpoints sync the database file itself and
# are counted apart.
# Needs strace; run `npx tsc -p tsconfig.bench.json` before.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
commands=${1:-500}
strace -f -y -e trace=fdatasync,fsync,write,pwrite64 -o "$folder/trace" \
  node node_modules/.cache/daybook-bench/bench/syncs.js "$folder/syncs.db" "$commands" > "$folder/answers"
awk -v commands="$commands" '
  /answers begin/ { counting = 1; next }
  /answers end/ { counting = 0 }
  !counting { next }
  /f(data)?sync\([0-9]+<[^>]*-wal>/ { wal++; synced++ }
  /f(data)?sync\([0-9]+<[^>]*[.]db>/ { checkpoints++ }
  /write\(1<[^>]*answers>, "answer / { answers++; if (synced < 1) early++; synced = 0 }
  END {
    printf "%d commands: %d syncs of the -wal file, %d of the database (checkpoints), %d answers, %d before their own sync\n",
      commands, wal, checkpoints, answers, early
  }' "$folder/trace"
