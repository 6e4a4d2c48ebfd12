"""The raw records as docs/results/speed.md."""

import statistics
import textwrap

from . import environment, jobs
from .engines import ENGINES

HEADINGS = {
    "prefill_512": "prefill 512",
    **{f"decode_{batch}": f"decode, batch {batch}" for batch in jobs.BATCH_SIZES},
}


def progress_line(record):
    title = f"{ENGINES[record['engine']].title}, {record['type']}, {record['column']}"
    if "error" in record:
        return f"{title}: cannot: {record['error']}"
    if "changed" in record:
        figure = f"{record['changed']} of {record['of']}"
    else:
        figure = f"{record['rate']:.1f} {'tokens' if record['column'] in jobs.SPEEDS else 'answers'}/s"
    disturbed = f", others took {100 * record['disturbed']:.0f} %" if record["disturbed"] > 0.03 else ""
    return f"{title}: {figure} ({record['seconds']:.0f} s{disturbed})"


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "| --- " * len(header) + "|"]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


class Figures:
    """Medians by engine, type and column."""

    def __init__(self, records):
        self.cells = {}
        self.errors = {}
        for record in records:
            key = record["engine"], record["type"], record["column"]
            if "error" in record:
                self.errors[key] = record["error"]
            else:
                self.cells.setdefault(key, []).append(record)

    def rows(self):
        """(engine, type) in the order of ENGINES; types in the order they were measured."""
        seen = list(dict.fromkeys(key[:2] for key in [*self.cells, *self.errors]))
        return sorted(seen, key=lambda row: list(ENGINES).index(row[0]))

    def columns(self):
        return [column for column in jobs.COLUMNS if any(key[2] == column for key in self.cells)]

    def median(self, engine, kind, column, field="rate"):
        values = [record[field] for record in self.cells.get((engine, kind, column), []) if field in record]
        return statistics.median(values) if values else None

    def best_peer(self, column):
        """(rate, engine, type) of the fastest peer on any type of file."""
        rates = [
            (self.median(*key), *key[:2])
            for key in self.cells
            if not ENGINES[key[0]].is_own and key[2] == column and self.median(*key) is not None
        ]
        return max(rates) if rates else None

    def last(self, engine, kind, column):
        return self.cells[engine, kind, column][-1]

    def rounds(self):
        counts = [len(records) for records in self.cells.values()]
        low, high = min(counts), max(counts)
        return str(high) if low == high else f"{low} to {high}"

    def most_disturbed(self):
        return max(record["disturbed"] for records in self.cells.values() for record in records)


def number(value, digits=0):
    return "–" if value is None else f"{value:.{digits}f}"


def speed_table(figures):
    columns = [column for column in figures.columns() if column in jobs.SPEEDS]
    if not columns:
        return []
    rows = []
    for engine, kind in figures.rows():
        values = [figures.median(engine, kind, column) for column in columns]
        if any(value is not None for value in values):
            rows.append([ENGINES[engine].title, kind, *map(number, values)])
    best = [figures.best_peer(column) for column in columns]
    if any(best):
        rows.append(["best peer", "any", *(number(cell and cell[0]) for cell in best)])
        for engine, kind in figures.rows():
            if ENGINES[engine].is_own:
                rates = [figures.median(engine, kind, column) for column in columns]
                ratios = [
                    f"{rate / cell[0]:.2f}×" if rate and cell else "–" for rate, cell in zip(rates, best)
                ]
                rows.append([f"{ENGINES[engine].title} over best peer", kind, *ratios])
    lines = ["## Tokens/s", "", *table(["", "file", *(HEADINGS[column] for column in columns)], rows), ""]
    if any(best):
        names = [
            f"{HEADINGS[c]}: {ENGINES[cell[1]].title} on {cell[2]}" for c, cell in zip(columns, best) if cell
        ]
        lines += ["The best peers: " + "; ".join(names) + ".", ""]
    return lines


def answers_table(figures):
    if not {"answers", "answers_prefix", "changed"} & set(figures.columns()):
        return []
    rows = []
    for engine, kind in figures.rows():
        rates = [figures.median(engine, kind, column) for column in ("answers", "answers_prefix")]
        changed = figures.median(engine, kind, "changed", "changed")
        if changed is None and not any(rates):
            continue
        tokens = figures.median(engine, kind, "answers", "mean_tokens")
        right = figures.median(engine, kind, "answers", "right")
        out_of = figures.median(engine, kind, "changed", "of")
        changes = "–" if changed is None else f"{changed:.0f} of {out_of:.0f}"
        facts = [number(tokens, 1), "–" if right is None else f"{100 * right:.0f} %", changes]
        rows.append([ENGINES[engine].title, kind, *(number(rate, 2) for rate in rates), *facts])
    header = ["", "file", "answers/s", "with prefix cache", "mean answer (tokens)", "right"]
    header.append("changed by a batch")
    lines = ["## Yes/no questions", "", *table(header, rows), ""]
    best = figures.best_peer("answers")
    own = [(figures.median(*row, "answers"), *row) for row in figures.rows() if ENGINES[row[0]].is_own]
    for rate, engine, kind in own:
        if rate and best:
            lines += [
                f"{ENGINES[engine].title} on {kind} over the best peer ({ENGINES[best[1]].title}), no prefix cache: "
                f"{rate / best[0]:.2f}×.",
                "",
            ]
    return lines


def limit_row(figures, engine, kind, column):
    """What isobatch reached beside what the machine allows, where `isobatch bench` measured that."""
    facts, rate = figures.last(engine, kind, column), figures.median(engine, kind, column)
    row = [HEADINGS[column], ENGINES[engine].settings.get("dtype", "native"), kind]
    row += [
        f"{rate * facts['bytes_per_token'] / 1e9:.1f}",
        f"{rate * facts['operations_per_token'] / 1e9:.0f}",
    ]
    limit = facts.get("roofline")
    if not limit:
        return row + ["–", "–", "–"]
    return row + [number(limit["limit"]), limit["bound_by"], f"{100 * rate / limit['limit']:.0f} %"]


def limits_table(figures):
    rows = [
        limit_row(figures, engine, kind, column)
        for engine, kind in figures.rows()
        for column in figures.columns()
        if ENGINES[engine].is_own and column in jobs.SPEEDS and (engine, kind, column) in figures.cells
    ]
    if not rows:
        return []
    header = ["", "dtype", "file", "GB/s", "Gop/s", "limit (tokens/s)", "bound by", "share of the limit"]
    return ["## isobatch's share of the machine's limit", "", *table(header, rows), ""]


def errors_list(figures):
    lines = [
        f"- {ENGINES[engine].title}, {kind}, {column}: {error}"
        for (engine, kind, column), error in figures.errors.items()
    ]
    return ["## Not measured", "", *lines, ""] if lines else []


def introduction(figures, made_with, records):
    kernels = ", ".join(sorted({f"`{record['kernels']}`" for record in records if "kernels" in record}))
    disturbed = 100 * figures.most_disturbed()
    yield (
        f"SmolLM2-135M-Instruct, {made_with['threads']} threads, medians of {figures.rounds()} rounds in "
        f"which the engines take turns; other processes took at most {disturbed:.0f} % of the CPUs' time. "
        "Made by `tools/compare_peers`; what each column is stands in `tools/peers/jobs.py`."
    )
    yield f"- Machine: {made_with['cpu']}"
    yield f"- isobatch {made_with['isobatch_version']}: kernel table {kernels}, dtype native unless it says native8, KV cache bf16"
    yield (
        f"- llama.cpp: {environment.LLAMA}, built by clang with GGML_NATIVE=ON and AMX where the CPU has it, "
        "KV cache f16, one for each request unless it says unified; greedy choice by numpy"
    )
    yield (
        f"- OpenVINO GenAI: {environment.REQUIREMENTS.splitlines()[0]}, continuous batching, its own "
        "defaults of precision and KV cache"
    )
    yield "- Files of other types than Q4_1 are made from that one by llama.cpp's quantizer."


def report(made_with, records):
    figures = Figures(records)
    lines = ["# Speed beside other engines", ""]
    for text in introduction(figures, made_with, records):
        item = text.startswith("- ")
        lines += textwrap.wrap(text, 110, subsequent_indent="  " if item else "")
        lines += [] if item else [""]
    lines += [""]
    for part in (speed_table, answers_table, limits_table, errors_list):
        lines += part(figures)
    return "\n".join(lines).rstrip("\n") + "\n"
