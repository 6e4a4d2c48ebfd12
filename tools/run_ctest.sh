#!/usr/bin/env bash
# Runs ctest in a build folder and adds, before ctest's closing lines, the names of the skipped test cases.
# Usage: tools/run_ctest.sh BUILD [ctest arguments]
set -euo pipefail
build=$1
shift
log=$build/Testing/Temporary/LastTest.log

ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$(nproc)" "$@" < /dev/null | awk -v log_file="$log" '
  /% tests passed, / { closing = 1 }
  !closing { print; fflush(); next }
  { held[++lines] = $0 }
  END {
    while ((getline line < log_file) > 0) {
      # "[  SKIPPED ] Suite.Case (0 ms)"; the summary repeats the name without a time
      if (line ~ /^\[  SKIPPED \] .* ms\)$/) {
        sub(/^\[  SKIPPED \] /, "", line)
        sub(/ \([0-9]+ ms\)$/, "", line)
        print "Skipped: " line
      }
    }
    for (i = 1; i <= lines; ++i) print held[i]
  }'
