"""This machine: its CPU, and how busy others keep it."""

import os
import time
from pathlib import Path

FLAGS = (
    "avx2",
    "fma",
    "avx512f",
    "avx512_vnni",
    "avx_vnni",
    "avx512_bf16",
    "amx_tile",
    "amx_int8",
    "amx_bf16",
)


def cpu_fields():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return {k.strip(): v.strip() for k, v in (line.split(":", 1) for line in reversed(lines) if ":" in line)}


def has_amx():
    return "amx_int8" in cpu_fields().get("flags", "").split()


def describe_cpu():
    fields = cpu_fields()
    present = fields.get("flags", "").split()
    name = f"{fields.get('model name')} (family {fields.get('cpu family')}, model {fields.get('model')})"
    return f"{name}, {os.cpu_count()} CPUs; {' '.join(flag for flag in FLAGS if flag in present)}"


def cpu_seconds():
    """CPU time of the whole machine, lost time of a virtual machine included, and of this process and its
    children that have ended.
    """
    fields = Path("/proc/stat").read_text().split("\n")[0].split()[1:]
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[:8])
    own = os.times()
    all_busy = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    return all_busy, own.user + own.system + own.children_user + own.children_system


def undisturbed(measure, limit, tries=5):
    """The value of measure() and the share of the CPUs' time that other processes took meanwhile: of the
    first try with at most `limit`, or of the least disturbed of all.
    """
    results = []
    for _ in range(tries):
        (all_before, own_before), start = cpu_seconds(), time.perf_counter()
        value = measure()
        (all_after, own_after), seconds = cpu_seconds(), time.perf_counter() - start
        others = (all_after - all_before) - (own_after - own_before)
        results.append((max(0.0, others / (seconds * os.cpu_count())), value))
        if results[-1][0] <= limit:
            break
    share, value = min(results, key=lambda result: result[0])
    return value, share
