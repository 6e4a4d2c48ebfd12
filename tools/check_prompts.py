#!/usr/bin/env python3
"""Checks prompts/yesno.jsonl: 100 yes and 100 no, no duplicates, and the lengths that prompts/README.md
promises.

Lengths are in tokens of the default model, chat template applied. Needs the packages gguf, jinja2 and
tokenizers.
"""

import argparse
import json
import statistics
import sys
from collections import Counter
from pathlib import Path

from gguf import GGUFReader

from default_model import default_model_path
from gguf_tokenizer import load_chat_template, load_tokenizer

ROOT = Path(__file__).resolve().parent.parent


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-m", "--model", default=default_model_path())
    parser.add_argument("prompts", nargs="?", type=Path, default=ROOT / "prompts" / "yesno.jsonl")
    arguments = parser.parse_args()

    reader = GGUFReader(arguments.model)
    tokenizer, render = load_tokenizer(reader), load_chat_template(reader)
    items = [json.loads(line) for line in arguments.prompts.read_text().splitlines()]
    texts = [render(item["messages"]) for item in items]
    lengths = [len(tokenizer.encode(text, add_special_tokens=False).ids) for text in texts]
    sides = Counter(item["answer"] for item in items)

    checks = [
        ("100 yes and 100 no", sides == {"yes": 100, "no": 100}, dict(sides)),
        ("distinct ids", len({item["id"] for item in items}) == len(items), len(items)),
        ("distinct prompts", len(set(texts)) == len(items), len(items)),
        ("median length over 60", statistics.median(lengths) > 60, statistics.median(lengths)),
        ("at least 40 over 200", sum(n > 200 for n in lengths) >= 40, sum(n > 200 for n in lengths)),
        ("at least 10 over 450", sum(n > 450 for n in lengths) >= 10, sum(n > 450 for n in lengths)),
    ]
    for what, passed, actual in checks:
        print(f"{'ok  ' if passed else 'FAIL'} {what}: {actual}")
    print(f"tokens: {sum(lengths)} in all, {min(lengths)} to {max(lengths)}")
    sys.exit(not all(passed for _, passed, _ in checks))


if __name__ == "__main__":
    main()
