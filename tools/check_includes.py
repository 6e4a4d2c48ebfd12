#!/usr/bin/env python3
"""Checks what docs/architecture.md draws: which folder may include and link which, and the rules for files.

Prints one line for each breach and exits with 1 if there is any.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Folder of src/ -> folders it may use; those below them follow. include/isobatch is open to all.
ARROWS = {
    "base": [],
    "numerics": ["base"],
    "kernels": ["numerics"],
    "formats": ["base"],
    "text": ["base"],
    "grammar": ["text"],
    "kv": ["base"],
    "sample": ["kernels"],
    "model": ["kernels", "formats"],
    "engine": ["model", "kv", "sample", "grammar"],
    "measure": ["engine"],
    "openai": ["engine"],
    "audit": ["openai"],
}

INTRINSICS = re.compile(r"^(hwy/.*|.*intrin\.h|cpuid\.h|arm_(neon|sve|acle)\.h)$")
INTRINSICS_MAY = ("src/kernels/", "tests/kernels/", "tests/emulation/", "src/base/thread_pool.cc")
JSON_MAY = ("src/openai/", "src/formats/", "src/audit/", "apps/", "tests/")
# What a precompiled header would lend to a file that does not include it: its use -> the include.
LENT = {
    re.compile(r"\bfmt::"): "fmt/",
    re.compile(r"\b(EXPECT|ASSERT)_\w+\(|\bTEST(_F|_P)?\("): ("gtest/", "gmock/"),
}
MAX_LINES = 500
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)
LIBRARY = re.compile(r"isobatch_library\(\s*(\w+)([^)]*)\)")


def below(folder):
    """All folders that `folder` may use."""
    result = set()
    for direct in ARROWS[folder]:
        result |= {direct} | below(direct)
    return result


def first_comment(text):
    lines = []
    for line in text.splitlines():
        if not line.startswith("//"):
            break
        lines.append(line)
    return "\n".join(lines)


def check_include(path, target):
    """The breach that including `target` in `path` is, or None."""
    top = target.split("/")[0]
    if INTRINSICS.match(target) and not path.startswith(INTRINSICS_MAY):
        return "intrinsics belong into src/kernels"
    if target.startswith("nlohmann/") and not path.startswith(JSON_MAY):
        return "JSON belongs into src/openai, src/formats, src/audit and apps"
    is_test = path.endswith("_test.cc") or "_test_support." in path or path.startswith(("tests/", "fuzz/", "bench/"))
    if top == "tests" and not is_test:
        return "only tests use test support"
    if top not in ARROWS or is_test:
        return None
    if path.startswith("include/"):
        return "the public API includes only isobatch/"
    if path.startswith("apps/"):
        return "apps use the public API only"
    folder = path.split("/")[1]
    if path.startswith("src/") and top != folder and top not in below(folder):
        return f"src/{folder} may use: {', '.join(sorted(below(folder))) or 'nothing'}"
    return None


def check_source(path):
    text = (ROOT / path).read_text(encoding="utf-8")
    for match in INCLUDE.finditer(text):
        breach = check_include(path, match[1])
        if breach:
            line = text.count("\n", 0, match.start(1)) + 1
            yield f"{path}:{line}: includes {match[1]}; {breach}"
    included = INCLUDE.findall(text)
    for use, headers in LENT.items():
        used = use.search(text)
        if used and not any(target.startswith(headers) for target in included):
            yield f"{path}:{text.count(chr(10), 0, used.start()) + 1}: uses {used[0]} without including its header"
    # Highway includes its headers once for each instruction set.
    once = not path.endswith(".h") or path.endswith("-inl.h") or "HWY_TARGET_TOGGLE" in text
    if not once and not re.search(r"^#pragma once$", text, re.MULTILINE):
        yield f"{path}:1: a header without #pragma once"
    lines = text.count("\n")
    if lines > MAX_LINES and f"{MAX_LINES} lines" not in first_comment(text):
        yield f"{path}:1: {lines} lines; over {MAX_LINES}, the first comment must say why (“over {MAX_LINES} lines: …”)"


def check_links(folder):
    """The CMake target's links are the arrows."""
    path = f"src/{folder}/CMakeLists.txt"
    for name, arguments in LIBRARY.findall((ROOT / path).read_text(encoding="utf-8")):
        if name != folder:
            continue
        for linked in re.findall(r"\bisobatch_(\w+)", arguments.partition("LINKS")[2]):
            if linked not in below(folder):
                yield f"{path}: {folder} links {linked}; it may use: {', '.join(sorted(below(folder)))}"
        return
    yield f"{path}: no isobatch_library({folder} …)"


def main():
    breaches = []
    sources = []
    for top in ("include", "src", "apps", "tests", "fuzz", "bench", "tools"):
        for suffix in ("*.h", "*.cc"):
            sources += sorted(str(p.relative_to(ROOT)) for p in (ROOT / top).rglob(suffix))
    for path in sources:
        breaches += check_source(path)
    folders = sorted(p.name for p in (ROOT / "src").iterdir() if p.is_dir())
    for folder in folders:
        if folder in ARROWS:
            breaches += check_links(folder)
        else:
            breaches.append(f"src/{folder}: a folder without arrows in {pathlib.Path(__file__).name}")
    print("\n".join(breaches + [f"{len(sources)} files, {len(folders)} folders, {len(breaches)} breaches"]))
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
