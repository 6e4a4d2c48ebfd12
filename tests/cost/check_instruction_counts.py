#!/usr/bin/env python3
"""Counts the instructions of the avx2 kernels under valgrind and compares them with a golden file.

A clock on a shared machine cannot tell a kernel that got 5 % slower; a count can. More than 3 % above the golden
file fails, and so does more than 3 % below: then the file is to be made anew, so that it guards the gain.

Usage: check_instruction_counts.py [--write] COUNT_KERNELS_BINARY COMPILER
COMPILER is its name and version; counts depend on it. Exits with 1 if counts differ, 77 if they cannot be compared.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden" / "instruction_counts.txt"
FUNCTION = "counted_call"
SLACK = 0.03
SKIPPED = 77


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def count(binary):
    """Case -> instructions, from one dump after each call of FUNCTION."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", "--collect-atstart=no",
                   f"--toggle-collect={FUNCTION}", f"--dump-after={FUNCTION}", binary]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode == SKIPPED:
            skip(run.stdout.strip().removeprefix("skipped: "))
        if run.returncode != 0:
            sys.exit(f"{' '.join(command)}: exit code {run.returncode}\n{run.stderr}")
        names = run.stdout.split()
        counts = []
        for i in range(1, len(names) + 1):
            dump = pathlib.Path(folder, f"out.{i}").read_text(encoding="utf-8")
            counts.append(int(re.search(r"^(?:summary|totals): (\d+)", dump, re.MULTILINE)[1]))
        return dict(zip(names, counts))


def write_golden(counts, compiler):
    lines = [f"# instructions of the avx2 kernels, one call; {compiler}"]
    lines += [f"{name} {instructions}" for name, instructions in counts.items()]
    GOLDEN.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_golden():
    """The compiler, and case -> instructions."""
    first, *lines = GOLDEN.read_text(encoding="utf-8").splitlines()
    return first.split("; ")[1], {name: int(n) for name, n in (line.split() for line in lines)}


def verdict(have, want):
    """What is wrong with a count, or nothing."""
    if have is None:
        return "not counted any more"
    if want is None:
        return "not in the golden file"
    if abs(have / want - 1) <= SLACK:
        return ""
    return "MORE than before" if have > want else "fewer than before: make the golden file anew"


def compare(counts, golden):
    """Prints every case; the number of those that differ."""
    wrong = 0
    for name in sorted(counts.keys() | golden.keys()):
        have, want = counts.get(name), golden.get(name)
        change = f"{100 * (have / want - 1):+6.1f} %" if have and want else ""
        print(f"{name:28} {want or '':>12} {have or '':>12} {change} {verdict(have, want)}".rstrip())
        wrong += verdict(have, want) != ""
    return wrong


def check_that_it_finds_something():
    for have, want in ((104, 100), (96, 100), (None, 100), (100, None)):
        assert verdict(have, want), f"{have} instead of {want} passes"
    assert not verdict(102, 100)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true", help="make the golden file anew")
    parser.add_argument("binary")
    parser.add_argument("compiler")
    arguments = parser.parse_args()
    check_that_it_finds_something()
    if shutil.which("valgrind") is None:
        skip("valgrind is not installed")
    if not arguments.write:
        compiler, golden = read_golden()
        if compiler != arguments.compiler:
            skip(f"the golden file is of {compiler}, this build is of {arguments.compiler}")
    counts = count(arguments.binary)
    if arguments.write:
        write_golden(counts, arguments.compiler)
        return 0
    return 1 if compare(counts, golden) else 0


if __name__ == "__main__":
    sys.exit(main())
