#!/usr/bin/env bash
# Runs ctest in a build folder and adds, before ctest's closing lines, the names of the skipped test cases.
# Usage: tools/run_ctest.sh BUILD [ctest arguments]
set -euo pipefail
build=$1
shift

# GoogleTest writes "[  SKIPPED ] Suite.Case (0 ms)", and repeats the name without a time in its summary.
list_skipped() {
  sed -nE 's/^\[  SKIPPED \] (.*) \([0-9]+ ms\)$/Skipped: \1/p' "$build/Testing/Temporary/LastTest.log"
}

print_with_skipped() {
  local line closing=()
  while IFS= read -r line; do
    if [[ ${#closing[@]} -gt 0 || $line == *"% tests passed, "* ]]; then
      closing+=("$line")
    else
      printf '%s\n' "$line"
    fi
  done
  list_skipped # ctest has ended, its log is whole
  ((${#closing[@]} == 0)) || printf '%s\n' "${closing[@]}"
}

ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$(nproc)" "$@" < /dev/null 2>&1 | print_with_skipped
