#!/usr/bin/env bash
# The unit, engine and invariance tests under AddressSanitizer and UndefinedBehaviorSanitizer, the engine tests
# under ThreadSanitizer. Fewer random cases than in ./test: sanitized code runs several times slower.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
export RC_PARAMS="max_success=15 ${RC_PARAMS:-}"
export UBSAN_OPTIONS=print_stacktrace=1
# The default model would take many minutes here, and runs no code that random models do not.
export GTEST_FILTER="-*DefaultModel*:WideDecode.TheQuestions*"

tools/setup.sh build test
tools/fetch_model.sh
for preset in asan tsan; do
  labels='unit|engine|invariance'
  [[ $preset == tsan ]] && labels=engine
  echo "sanitizers: $preset, tests labelled $labels"
  cmake --preset "$preset" > /dev/null
  # Tests and their targets have the same names; the binary, the audits and the tools would be built for nothing.
  mapfile -t targets < <(ctest --test-dir "build-$preset" -N -L "$labels" | sed -nE 's/^ *Test +#[0-9]+: //p')
  ninja -C "build-$preset" "${targets[@]}"
  tools/run_ctest.sh "build-$preset" -L "$labels" "$@"
done
