#!/usr/bin/env bash
# Installs the Debian packages for the purposes named (build, model, test, bench, check: see packages.txt); does nothing,
# quickly, when all are there.  Usage: tools/setup.sh PURPOSE…
set -euo pipefail
list=$(dirname "$0")/packages.txt

wanted=()
for purpose in "$@"; do
  while read -r what package; do
    [[ $what == "$purpose" ]] && wanted+=("$package")
  done < "$list"
done

if ! command -v dpkg-query > /dev/null; then
  echo "setup: this is no Debian system; the build needs what these packages hold: ${wanted[*]}" >&2
  exit 0
fi
installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${wanted[@]}" 2> /dev/null || true)
missing=()
for package in "${wanted[@]}"; do
  grep -qx "installed $package" <<< "$installed" || missing+=("$package")
done
((${#missing[@]} == 0)) && exit 0

as_root=()
if ((EUID != 0)); then
  if ! command -v sudo > /dev/null; then
    echo "setup: missing packages; as root, run: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
  [[ -t 0 ]] || as_root=(sudo -n) # nobody is there to type a password
fi
echo "setup: installing ${missing[*]}" >&2
apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" < /dev/null >&2
}
apt update
apt install --yes --no-install-recommends "${missing[@]}"
