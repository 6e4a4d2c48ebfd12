#!/usr/bin/env bash
# The unit, engine and invariance tests under AddressSanitizer and UndefinedBehaviorSanitizer, the engine tests
# under ThreadSanitizer. Fewer random cases than in ./test: sanitized code runs several times slower.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
export RC_PARAMS="max_success=15 ${RC_PARAMS:-}"
export UBSAN_OPTIONS=print_stacktrace=1
# The default model in its second dtype takes many minutes here and runs no code that random models do not.
export GTEST_FILTER="-*OfTheDefaultModel*/bf16:Ties.OfTheDefaultModel*"

tools/setup.sh build test
tools/fetch_model.sh
for preset in asan tsan; do
  labels='unit|engine|invariance'
  [[ $preset == tsan ]] && labels=engine
  echo "sanitizers: $preset, tests labelled $labels"
  cmake --preset "$preset" > /dev/null
  ninja -C "build-$preset"
  tools/run_ctest.sh "build-$preset" -L "$labels" "$@"
done
