#!/usr/bin/env python3
"""Checks the documentation against the repository.

Every path in backticks in README.md, CONTRIBUTING.md and docs/, and every relative link, must exist; <name> in a path
stands for anything. Every block that begins with ```sh runnable is run by bash, in the order of the file, in one fresh
folder for each file, where ./run is the binary. A block that begins with ```text output must equal what the block
before it printed; of ```json output, all that is shown must be there, but keys may be left out.

Usage: check_docs.py [BINARY]     Exits with 1 if something is wrong, 77 if the default model is not there to run.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODEL = "SmolLM2-135M-Instruct.Q4_1.gguf"
SKIPPED = 77

FENCE = re.compile(r"^```([^`\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
PATH = re.compile(r"[\w.<>*+-]+(/[\w.<>*+-]+)*/?")
SUFFIXES = (".h", ".cc", ".md", ".py", ".sh", ".txt", ".json", ".jsonl", ".cmake")


def documents():
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def named_paths(text):
    """The paths that prose names: the first word of a span in backticks, if it looks like one."""
    for span in SPAN.findall(FENCE.sub("", text)):
        word = span.split()[0]
        if PATH.fullmatch(word) and ("/" in word or word.endswith(SUFFIXES)):
            yield word.removeprefix("./").rstrip("/")


def missing_paths(document):
    text = document.read_text(encoding="utf-8")
    for path in named_paths(text):
        if not any(ROOT.glob(re.sub(r"<[^>]*>", "*", path))):
            yield f"`{path}` does not exist"
    for target in LINK.findall(text):
        if "://" not in target and not (document.parent / target).exists():
            yield f"link to {target}: no such file"


def holds(shown, actual):
    """Whether all of `shown` is in `actual`."""
    if isinstance(shown, dict):
        return isinstance(actual, dict) and all(k in actual and holds(v, actual[k]) for k, v in shown.items())
    if isinstance(shown, list):
        return isinstance(actual, list) and len(shown) == len(actual) and all(map(holds, shown, actual))
    return shown == actual


def is_as_shown(kind, shown, printed):
    if kind == "text":
        return shown.strip() == printed.strip()
    try:
        return holds(json.loads(shown), json.loads(printed))
    except json.JSONDecodeError:
        return False


def run_blocks(document, binary):
    """Runs the runnable blocks of a document and yields what is not as it says."""
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "run").symlink_to(binary)
        printed = ""
        for kind, body in FENCE.findall(document.read_text(encoding="utf-8")):
            if kind == "sh runnable":
                result = subprocess.run(["bash", "-euo", "pipefail", "-c", body], cwd=folder, text=True,
                                        stdin=subprocess.DEVNULL, capture_output=True)
                printed = result.stdout
                if result.returncode != 0:
                    yield f"exit code {result.returncode} from:\n{body}{result.stderr}"
            elif kind in ("text output", "json output") and not is_as_shown(kind.split()[0], body, printed):
                yield f"shown:\n{body}printed:\n{printed}"


def model_is_cached():
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(cache, "isobatch", MODEL).exists()


def main():
    binary = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None
    can_run = binary is not None and model_is_cached()
    wrong = 0
    for document in documents():
        problems = list(missing_paths(document))
        if can_run:
            problems += run_blocks(document, binary)
        for problem in problems:
            print(f"{document.relative_to(ROOT)}: {problem}")
        wrong += len(problems)
    print(f"{len(documents())} documents, {wrong} problems")
    if wrong:
        return 1
    if binary and not can_run:
        print(f"skipped: the commands, which need {MODEL} in the cache")
        return SKIPPED
    return 0


if __name__ == "__main__":
    sys.exit(main())
