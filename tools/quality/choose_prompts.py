#!/usr/bin/env python3
"""Chooses prompts/yesno.jsonl from prompts/pool.txt by the rule written in prompts/README.md."""

import argparse
import hashlib
import json
import sys
from collections import Counter
from pathlib import Path

import torch
from gguf import GGUFReader

from reference_model import load_reference

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from gguf_tokenizer import default_model_path, load_chat_template, load_tokenizer  # noqa: E402

# Per side (yes, no) and kind: how many questions that the reference answers right, and how many wrong.
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
    """Two other questions on the same text whose answer is yes are earlier turns, and for some texts a no before."""
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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-m", "--model", default=default_model_path())
    parser.add_argument("--pool", type=Path, default=ROOT / "prompts" / "pool.txt")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "prompts" / "yesno.jsonl")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    reader = GGUFReader(arguments.model)
    tokenizer, render = load_tokenizer(reader), load_chat_template(reader)
    model = load_reference(arguments.model, attention="sdpa")

    def token_ids(messages):
        return torch.tensor([tokenizer.encode(render(messages), add_special_tokens=False).ids])

    def answered(messages):
        with torch.no_grad():
            logits = model(token_ids(messages), logits_to_keep=1).logits[0, -1]
        return tokenizer.decode([int(logits.argmax())]).strip().lower()

    pool = sorted(read_pool(arguments.pool), key=lambda item: hashlib.sha256(item[1].encode()).digest())
    pool_right, pool_size, taken = Counter(), Counter(), Counter()
    chosen = []
    for kind, name, messages, answer in pool:
        right = answered(messages) == answer
        pool_right[kind, answer] += right
        pool_size[kind, answer] += 1
        if taken[kind, answer, right] < QUOTAS[kind][0 if right else 1]:
            taken[kind, answer, right] += 1
            chosen.append({"id": name, "messages": messages, "answer": answer})
    for cell in sorted(pool_size):
        print(*cell, "pool:", pool_right[cell], "right of", pool_size[cell])
    for (kind, answer), right in [(cell, taken[(*cell, True)]) for cell in sorted(pool_size)]:
        wanted = QUOTAS[kind]
        got = (right, taken[kind, answer, False])
        if got != wanted:
            print(f"{kind} {answer}: wanted {wanted} right and wrong, got {got}")
    arguments.output.write_text("".join(json.dumps(item) + "\n" for item in chosen))

    lengths, right = [], Counter()
    for item in chosen:
        ids = token_ids(item["messages"])
        output = model.generate(ids, max_new_tokens=32, do_sample=False, eos_token_id=2, pad_token_id=2)
        new = output[0, ids.shape[1] :].tolist()
        lengths.append(len(new))
        text = tokenizer.decode(new, skip_special_tokens=True)
        right[item["answer"]] += text.lower().startswith(item["answer"])
        print(item["id"], ids.shape[1], item["answer"], repr(text))
    print("chosen:", len(chosen), "right:", dict(right), "mean new tokens:", sum(lengths) / len(lengths))


if __name__ == "__main__":
    main()
