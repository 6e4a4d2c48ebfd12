#!/usr/bin/env python3
"""Holds the JSON of a report against the tables of docs/audit-schema.md: the same keys, in values of the types told.

Usage: schema_test.py REPORT.json
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs/audit-schema.md"
SECTION = re.compile(r"^## (\w+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| `(\w+)` \| ([^|]+?) \|", re.MULTILINE)
KEYS = re.compile(r"^- Keys of (factors|verdicts): (.*?)\.$", re.MULTILINE | re.DOTALL)
PLURALS = {"strings": "string", "integers": "integer", "pairs": "pair", "factors": "factor"}


def is_number(value):
    return value is None or value in ("Infinity", "-Infinity") or (
        isinstance(value, (int, float)) and not isinstance(value, bool))


class Schema:
    def __init__(self, text):
        self.objects = {name: dict(ROW.findall(body)) for name, body in SECTION.findall(text)}
        self.keys = {what: re.findall(r"`(\w+)`", keys) for what, keys in KEYS.findall(text)}
        self.seen = set()  # fields that had a value other than null or an empty list

    def check(self, value, kind, path):
        """Yields what is wrong."""
        if kind.startswith("list of "):
            if not isinstance(value, list):
                yield f"{path}: expected a list, got {value!r}"
                return
            item = kind.removeprefix("list of ")
            for i, element in enumerate(value):
                yield from self.check(element, PLURALS.get(item, item), f"{path}[{i}]")
        elif kind.endswith(" or null"):
            if value is not None:
                yield from self.check(value, kind.removesuffix(" or null"), path)
        elif kind in self.objects:
            yield from self.check_object(value, kind, path)
        else:
            simple = {
                "string": lambda: isinstance(value, str),
                "boolean": lambda: isinstance(value, bool),
                "integer": lambda: isinstance(value, int) and not isinstance(value, bool),
                "number": lambda: is_number(value),
                "pair": lambda: isinstance(value, list) and [type(x) for x in value] == [str, str],
                "factor": lambda: value in self.keys["factors"],
                "verdict": lambda: value in self.keys["verdicts"],
            }
            if kind not in simple:
                yield f"{path}: the documentation names an unknown type, {kind}"
            elif not simple[kind]():
                yield f"{path}: expected {kind}, got {value!r}"

    def check_object(self, value, kind, path):
        fields = self.objects[kind]
        if not isinstance(value, dict):
            yield f"{path}: expected {kind}, got {value!r}"
            return
        if list(value) != list(fields):
            yield f"{path}: {kind} has {list(value)}, documented are {list(fields)}"
        for name, field in fields.items():
            if name in value:
                if value[name] not in (None, []):
                    self.seen.add((kind, name))
                yield from self.check(value[name], field, f"{path}.{name}")


def no_constant(name):
    raise ValueError(f"{name} is no JSON")


def main():
    report = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"), parse_constant=no_constant)
    schema = Schema(DOCUMENT.read_text(encoding="utf-8"))
    wrong = list(schema.check(report, "Report", "report"))
    # A sample without a field proves nothing about it.
    wrong += [f"the sample has no {kind}.{name}" for kind, fields in schema.objects.items() for name in fields
              if (kind, name) not in schema.seen]
    wrong += [f"the sample has no verdict {key}" for key in schema.keys["verdicts"]
              if not any(v["kind"] == key for e in report["engines"] for v in e["verdicts"])]
    # The check must be able to fail.
    report["engines"][0]["seconds"] = "soon"
    if not any("seconds" in line for line in schema.check(report, "Report", "report")):
        wrong.append("a wrong type was not found")
    print("\n".join(wrong) or f"{len(schema.seen)} documented fields, all there and of their types")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
