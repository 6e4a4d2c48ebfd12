"""What is measured, the same for every engine.

    prefill_512   tokens/s of one prompt of 512 random tokens that gets 1 new token
    decode_B      tokens/s of B prompts of 128 random tokens, end tokens ignored:
                  B * 31 / (time of 32 new tokens - time of 1)
    answers       answers/s on the questions of prompts/yesno.jsonl, at most 64 at once, each ending by
                  itself or after 16 tokens; every prompt is computed in full
    answers_prefix  the same, where equal beginnings of prompts may be computed once
    changed       of the first 40 questions, greedy answers that differ between alone and 16 at once

An engine is an object with

    answer(prompts, max_tokens, at_once, ignore_eos, prefix_cache)
                lists of token ids -> lists of new token ids, the end token included
    forget()    drops cached prefixes

Models are loaded and compiled outside of the timed calls: a call of the same shape goes before. isobatch
itself is measured by its own commands (isobatch_engine.py).
"""

import random
import time
from pathlib import Path

QUESTIONS = Path(__file__).resolve().parents[2] / "prompts" / "yesno.jsonl"
PREFILL, PROMPT, NEW = 512, 128, 32
BATCH_SIZES = (1, 4, 16, 64)
SPEEDS = ["prefill_512", *(f"decode_{batch}" for batch in BATCH_SIZES)]
COLUMNS = [*SPEEDS, "answers", "answers_prefix", "changed"]
ANSWER_TOKENS, ANSWERS_AT_ONCE = 16, 64
CHANGED_OF, CHANGED_AT_ONCE = 40, 16


class Jobs:
    """The columns of one engine. `questions` has prompts (token ids), vocab (a size), right(answers)."""

    def __init__(self, engine, questions):
        self.engine, self.questions, self.right = engine, questions.prompts, questions.right
        self.vocab = questions.vocab
        self.random = random.Random(0)

    def random_prompts(self, count, length):
        return [[self.random.randrange(self.vocab) for _ in range(length)] for _ in range(count)]

    def seconds(self, batch, length, new_tokens):
        prompts = self.random_prompts(batch, length)
        start = time.perf_counter()
        answers = self.engine.answer(prompts, new_tokens, batch, ignore_eos=True, prefix_cache=False)
        seconds = time.perf_counter() - start
        produced = {len(answer) for answer in answers}
        if len(answers) != batch or produced != {new_tokens}:
            raise RuntimeError(
                f"asked for {batch} x {new_tokens} tokens, got {len(answers)} x {sorted(produced)}"
            )
        return seconds

    def warm_up(self, column):
        """Touches the weights, lets the engine prepare for these shapes, and leaves no prefix behind."""
        if column == "prefill_512":
            self.seconds(1, PREFILL, 1)
        elif column.startswith("decode_"):
            self.seconds(int(column.removeprefix("decode_")), 16, 3)
        else:
            self.engine.forget()
            longest = max(map(len, self.questions)) + ANSWER_TOKENS
            prompts = self.random_prompts(1, longest - 2) + self.random_prompts(ANSWERS_AT_ONCE, 8)
            prefix_cache = column == "answers_prefix"
            self.engine.answer(prompts, 2, ANSWERS_AT_ONCE, ignore_eos=True, prefix_cache=prefix_cache)

    def measure(self, column):
        if column == "changed":
            return self.changed()
        self.warm_up(column)
        if column == "prefill_512":
            return {"rate": PREFILL / self.seconds(1, PREFILL, 1)}
        if column.startswith("decode_"):
            batch = int(column.removeprefix("decode_"))
            first = self.seconds(batch, PROMPT, 1)
            return {"rate": batch * (NEW - 1) / (self.seconds(batch, PROMPT, NEW) - first)}
        return self.answers(prefix_cache=column == "answers_prefix")

    def answers(self, prefix_cache):
        start = time.perf_counter()
        answers = self.engine.answer(
            self.questions, ANSWER_TOKENS, ANSWERS_AT_ONCE, ignore_eos=False, prefix_cache=prefix_cache
        )
        seconds = time.perf_counter() - start
        tokens = sum(map(len, answers))
        return {
            "rate": len(answers) / seconds,
            "mean_tokens": tokens / len(answers),
            "right": self.right(answers),
        }

    def changed(self):
        def answer(prompts):
            return self.engine.answer(
                prompts, ANSWER_TOKENS, CHANGED_AT_ONCE, ignore_eos=False, prefix_cache=False
            )

        questions = self.questions[:CHANGED_OF]
        together = answer(questions)
        alone = [answer([question])[0] for question in questions]
        return {"changed": sum(a != b for a, b in zip(together, alone)), "of": len(questions)}
