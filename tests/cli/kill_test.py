#!/usr/bin/env python3
"""Kills `isobatch batch` again and again, goes on with --resume, and compares the output with an undisturbed one.

Half of the kills come at a random time, half when the output has reached a random size; each run has another batch
size, thread count and kernel table. Whenever a job ends, its output must be the same bytes, and nothing may be left
beside it. The last lines are a summary, which docs/results/kills.md quotes.

Usage: kill_test.py BINARY MODEL [--kills N] [--lines N] [--seed N]     MODEL: a GGUF file
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time


def write_input(path, lines, rng):
    with open(path, "w", encoding="utf-8") as file:
        for i in range(lines):
            line = {"custom_id": f"q{i}", "prompt": f"question {i} " + "x" * rng.randrange(60)}
            line["max_tokens"] = rng.choice((1, 2, 5, 10, 20, 80))
            line["ignore_eos"] = True
            if rng.random() < 0.3:
                line |= {"temperature": 0.9, "seed": i}
            if rng.random() < 0.05:
                line = {"custom_id": f"q{i}", "prompt": ""}  # gets an error record
            file.write(json.dumps(line) + "\n")
            if rng.random() < 0.05:
                file.write("\n")


def size_of(path):
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


class Job:
    def __init__(self, arguments, folder, rng):
        self.binary, self.model, self.rng = arguments.binary, arguments.model, rng
        self.input, self.output = folder / "in.jsonl", folder / "out.jsonl"
        self.part, self.journal = folder / "out.jsonl.part", folder / "out.jsonl.journal"
        tables = json.loads(subprocess.run([self.binary, "info", "--json"], check=True, capture_output=True).stdout)
        self.tables = [table["name"] for table in tables["tables"] if table["usable"] and table["name"] != "ref"]

    def command(self, *options):
        return [self.binary, "batch", self.input, "-o", self.output, "-m", self.model, *options]

    def start(self):
        return subprocess.Popen(
            self.command("--resume", "--batch-size", str(self.rng.choice((1, 2, 5, 16, 64))),
                         "--threads", str(self.rng.choice((1, 2, 3))),
                         "--kernels", self.rng.choice(self.tables or ["ref"])),
            stderr=subprocess.PIPE)

    def undisturbed(self):
        begin = time.monotonic()
        done = subprocess.run(self.command(), stderr=subprocess.PIPE)
        seconds = time.monotonic() - begin
        if done.returncode not in (0, 1):
            sys.exit(f"the undisturbed job failed: {done.stderr.decode()}")
        expected = self.output.read_bytes()
        self.output.unlink()
        return expected, seconds


def wait_for_moment(process, job, expected, seconds, rng):
    """Returns when the process is to be killed, or has ended."""
    if rng.random() < 0.5:
        end = time.monotonic() + rng.random() * seconds
        while process.poll() is None and time.monotonic() < end:
            time.sleep(0.0005)
        return
    # From where it stands to a little behind the end, where the output gets its name.
    size = size_of(job.part)
    wanted = size + (len(expected) - size) * rng.random() ** 2 if rng.random() < 0.8 else len(expected)
    while process.poll() is None and size_of(job.part) < wanted and not job.output.exists():
        time.sleep(0.0002)
    if rng.random() < 0.3:
        time.sleep(rng.random() * 0.01)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--lines", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    kills = {"before any record": 0, "between the first record and the last": 0, "while the output got its name": 0}
    jobs = runs = 0
    with tempfile.TemporaryDirectory() as name:
        job = Job(arguments, pathlib.Path(name), rng)
        write_input(job.input, arguments.lines, rng)
        expected, seconds = job.undisturbed()
        killed_now = 0
        while sum(kills.values()) < arguments.kills or killed_now > 0:
            process = job.start()
            runs += 1
            if sum(kills.values()) < arguments.kills:
                wait_for_moment(process, job, expected, seconds, rng)
                process.kill()
            message = process.communicate()[1].decode()
            if process.returncode == -9:
                size = size_of(job.part)
                where = 0 if size == 0 and not job.output.exists() else 2 if job.output.exists() or size == len(expected) else 1
                kills[list(kills)[where]] += 1
                killed_now += 1
                continue
            if process.returncode not in (0, 1):
                sys.exit(f"after {sum(kills.values())} kills it does not go on: {message}")
            if job.output.read_bytes() != expected:
                sys.exit(f"after {killed_now} kills the output differs")
            if job.part.exists() or job.journal.exists():
                sys.exit("something is left beside the output")
            jobs += 1
            killed_now = 0
            job.output.unlink()
    print(f"{arguments.lines} lines, {len(expected)} bytes of output, {seconds:.1f} s undisturbed")
    print(f"{sum(kills.values())} kills in {runs} runs of {jobs} jobs, each with the bytes of the undisturbed one")
    for where, count in kills.items():
        print(f"  {where}: {count}")


if __name__ == "__main__":
    main()
