"""Records what is said between the auditor and an adapter, or says the adapter's part again.

    session.py record FILE COMMAND…    runs the adapter and writes FILE
    session.py replay FILE             answers as it did, if it is asked the same

The file is gzipped: for each question its line and the line and bytes of its answer.
"""

import gzip
import json
import subprocess
import sys

MACHINE = ("model", "threads")  # of the question `start`: where and how it was recorded


def answer_of(stream):
    line = stream.readline()
    size = 4 * json.loads(line).get("values", 0) if line else 0
    return line + (stream.read(size) if size else b"")


def record(file, command):
    adapter = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with gzip.GzipFile(file, "wb", mtime=0) as recording:
        for question in sys.stdin.buffer:
            adapter.stdin.write(question)
            adapter.stdin.flush()
            answer = answer_of(adapter.stdout)
            recording.write(question + answer)
            recording.flush()
            sys.stdout.buffer.write(answer)
            sys.stdout.buffer.flush()
            if json.loads(question)["ask"] == "trace":  # the last one
                break
    adapter.kill()
    sys.stdin.read()


def comparable(question):
    return {key: value for key, value in json.loads(question).items() if key not in MACHINE}


def replay(file):
    with gzip.open(file, "rb") as recording:
        for question in sys.stdin.buffer:
            recorded = recording.readline()
            if comparable(question) != comparable(recorded):
                sys.exit(f"asked {question.decode().strip()}, recorded was {recorded.decode().strip()}")
            sys.stdout.buffer.write(answer_of(recording))
            sys.stdout.buffer.flush()


if sys.argv[1] == "record":
    record(sys.argv[2], sys.argv[3:])
else:
    replay(sys.argv[2])
