#!/usr/bin/env python3
"""Chooses prompts/yesno.jsonl from prompts/pool.txt by the rule written in prompts/README.md.

choose_prompts.py --requests pool.jsonl
isobatch batch pool.jsonl -o answers.jsonl --dtype f32 --kv-dtype f32
choose_prompts.py --answers answers.jsonl
"""

import argparse
import hashlib
import json
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAX_TOKENS = 32

# Per side (yes, no) and kind: how many questions that the model answers right, and how many wrong.
QUOTAS = {"facts": (46, 14), "short": (14, 4), "medium": (11, 4), "long": (5, 2)}
EXAMPLES = [
    ("Is Lisbon the capital of Portugal?", "Yes, Lisbon is the capital of Portugal."),
    ("Is silver a metal?", "Yes, silver is a metal."),
    ("Do ducks swim?", "Yes, ducks swim."),
]
ASK = "Read this text and answer my questions."


def message(role, content):
    return {"role": role, "content": content}


def turns(questions_and_answers, last):
    messages = []
    for question, answer in questions_and_answers:
        messages += [message("user", question), message("assistant", answer)]
    return messages + [message("user", last)]


def fact_prompt(question, index):
    if index % 10 == 9:
        return turns([], question + " Answer yes or no.")
    if index % 2:
        return turns([(example, "Yes, that is right.") for example, _ in EXAMPLES], question)
    return [message("system", "Answer the questions of a curious child.")] + turns(EXAMPLES, question)


def passage_prompt(text, questions, number, examples_with_no):
    """Two other questions on the same text whose answer is yes are earlier turns, and for some texts a no
    before.
    """
    side, question = questions[number]
    on_side = {s: [q for t, q in questions if t == s] for s in ("yes", "no")}
    place = on_side[side].index(question)

    def others(s, count):
        return [on_side[s][(place + 1 + k) % len(on_side[s])] for k in range(count)]

    if examples_with_no:
        earlier = [(q, "No.") for q in others("no", 1)] + [(q, "Yes.") for q in others("yes", 2)]
        opening = text
    else:
        earlier = [(q, "Yes, that is right.") for q in others("yes", 2)]
        opening = ASK + "\n\n" + text
    earlier[0] = (opening + "\n\n" + earlier[0][0], earlier[0][1])
    return turns(earlier, question)


def read_pool(path):
    """Yields (kind, id, messages, answer) for every question of the pool, in the order of the file."""
    long_texts = 0
    for block in path.read_text().removeprefix("# ").split("\n# "):
        head, *lines = block.strip().split("\n")
        kind, _, name = head.partition(" ")
        questions = [tuple(line.split("|")) for line in lines if line.startswith(("yes|", "no|"))]
        if kind == "facts":
            for index, (answer, question) in enumerate(questions):
                yield kind, f"fact-{index + 1:03}", fact_prompt(question, index), answer
            continue
        text = "\n".join(line for line in lines if not line.startswith(("yes|", "no|")))
        long_texts += kind != "short"
        for number, (answer, _) in enumerate(questions):
            messages = passage_prompt(text, questions, number, kind != "short" and long_texts % 2 == 0)
            yield kind, f"{name}-{number + 1}", messages, answer


def is_right(text, answer):
    return text.lower().startswith(answer)


def choose(pool, answers):
    """Walks through the pool and keeps what still fits the quotas. Returns the chosen and prints the
    counts.
    """
    right, size, taken, chosen, lengths = Counter(), Counter(), Counter(), [], []
    for kind, name, messages, answer in pool:
        body = answers[name]
        correct = is_right(body["choices"][0]["message"]["content"], answer)
        right[kind, answer] += correct
        size[kind, answer] += 1
        if taken[kind, answer, correct] < QUOTAS[kind][0 if correct else 1]:
            taken[kind, answer, correct] += 1
            chosen.append({"id": name, "messages": messages, "answer": answer})
            lengths.append(body["usage"]["completion_tokens"])
    for kind, answer in sorted(size):
        got = taken[kind, answer, True], taken[kind, answer, False]
        if got != QUOTAS[kind]:
            raise SystemExit(f"{kind} {answer}: {QUOTAS[kind]} right and wrong wanted, {got} found")
        print(f"{kind} {answer}: {right[kind, answer]} of {size[kind, answer]} right in the pool, kept {got}")
    print(f"{len(chosen)} chosen; mean answer {sum(lengths) / len(lengths):.1f} tokens")
    return chosen


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    step = parser.add_mutually_exclusive_group(required=True)
    step.add_argument("--requests", type=Path, help="write the pool as OpenAI batch requests")
    step.add_argument("--answers", type=Path, help="read what isobatch batch answered, and choose")
    parser.add_argument("--pool", type=Path, default=ROOT / "prompts" / "pool.txt")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "prompts" / "yesno.jsonl")
    arguments = parser.parse_args()

    # The order of the hashes of the ids mixes kinds, sides and lengths and depends on nothing else.
    pool = sorted(read_pool(arguments.pool), key=lambda item: hashlib.sha256(item[1].encode()).digest())
    if arguments.requests:
        with arguments.requests.open("w") as out:
            for _, name, messages, _ in pool:
                body = {"messages": messages, "max_tokens": MAX_TOKENS}
                request = {"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": body}
                out.write(json.dumps(request) + "\n")
        return
    lines = [json.loads(line) for line in arguments.answers.read_text().splitlines()]
    answers = {line["custom_id"]: line["response"]["body"] for line in lines}
    arguments.output.write_text("".join(json.dumps(item) + "\n" for item in choose(pool, answers)))


if __name__ == "__main__":
    main()
