#!/usr/bin/env bash
# The README on a machine that has nothing: makes a minimal Debian 12 in a new folder, clones HEAD into it and runs there,
# as root, ./run twice, the README's commands and ./test, with their times. Needs root, debootstrap and the network; the
# Debian mirror and pip's certificate are this machine's. Usage: tools/test_fresh_machine.sh [FOLDER]
# A folder that is named is kept, with all that was installed; the default, a temporary one, is removed.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
suite=bookworm

((EUID == 0)) || { echo "fresh machine: needs root" >&2; exit 1; }
command -v debootstrap > /dev/null || { echo "fresh machine: needs the package debootstrap" >&2; exit 1; }
if (($# > 0)); then
  tree=$1
else
  tree=$(mktemp -d)
  chmod 755 "$tree" # apt downloads as a user of its own
fi
leave() {
  umount "$tree/proc" 2> /dev/null || true
  (($1 > 0)) || rm -rf --one-file-system "$tree"
}
trap "leave $#" EXIT

mirror=$(sed -nE 's/^(URIs:|deb( \[[^]]*\])?) +(http[^ ]*\/debian)\/?( .*)?$/\3/p' /etc/apt/sources.list \
  /etc/apt/sources.list.d/* 2> /dev/null | head -1 || true)
echo "fresh machine: Debian $suite in $tree"
debootstrap --variant=minbase "$suite" "$tree" "${mirror:-http://deb.debian.org/debian}" > /dev/null
mountpoint -q "$tree/proc" || mount -t proc proc "$tree/proc"
for file in /etc/resolv.conf /etc/hosts; do
  cp "$file" "$tree$file"
done
settings=(HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
for name in http_proxy https_proxy no_proxy PIP_INDEX_URL; do
  [[ -z ${!name:-} ]] || settings+=("$name=${!name}")
done
if [[ -n ${PIP_CERT:-} ]]; then
  cp "$PIP_CERT" "$tree/etc/pip.pem"
  settings+=(PIP_CERT=/etc/pip.pem)
fi
git -c safe.directory="$root" clone --quiet --no-hardlinks "$root" "$tree/root/isobatch"

there() {
  local start=$SECONDS
  echo "fresh machine: $*"
  env -i "${settings[@]}" chroot "$tree" bash -c 'cd ~/isobatch && "$@"' - "$@" < /dev/null
  echo "fresh machine: $((SECONDS - start)) s for: $*"
}

there ./run
there ./run
there ./run generate -p "Which animal says meow?"
there python3 tools/check_docs.py build/apps/isobatch/isobatch
there ./run bench
there ./test
echo "fresh machine: all well"
