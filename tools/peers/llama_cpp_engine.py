"""llama.cpp through the C API that llama-cpp-python wraps: one context, a slot for each request that runs,
greedy choice by numpy, KV cache in f16 (llama.cpp's default). New prompts come before the next decode step.

Rows go by ascending slot: with a KV cache for each slot, llama.cpp computes only those rows together whose slots
ascend one by one, and any other order makes a batch a sequence of single rows.
"""

import ctypes
import heapq
from collections import deque

import numpy as np

MAX_ROWS, MICRO_BATCH, PAGE = 2048, 512, 256
FILE_TYPES = {  # llama_ftype
    **{"F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q8_0": 7, "Q5_0": 8, "Q5_1": 9, "Q2_K": 10, "Q3_K_M": 12},
    **{"Q4_K_M": 15, "Q5_K_M": 17, "Q6_K": 18, "IQ4_NL": 25, "IQ4_XS": 30, "BF16": 32},
}
TENSOR_TYPES = {"F32": 0, "F16": 1, "Q8_0": 8, "BF16": 30}  # ggml_type
EMBEDDING = "Q8_0"  # of the quantized files


def make_file(source, target, kind):
    """Writes the model as another type, by llama.cpp's own quantizer."""
    import llama_cpp

    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = FILE_TYPES[kind]
    parameters.allow_requantize = True
    embedding = TENSOR_TYPES[kind if kind in TENSOR_TYPES else EMBEDDING]
    parameters.token_embedding_type = parameters.output_tensor_type = embedding
    partial = target.with_suffix(".partial")
    names = str(source).encode(), str(partial).encode()
    if llama_cpp.llama_model_quantize(*names, ctypes.byref(parameters)) != 0:
        raise RuntimeError(f"{target}: quantization failed")
    partial.rename(target)


class LlamaCpp:
    def __init__(self, path, threads, flash_attention, unified=False):
        import llama_cpp

        from isobatch_audit.llama_cpp_model import Rows, silence

        self.api = llama_cpp
        silence()
        self.threads, self.flash_attention, self.unified = threads, flash_attention, unified
        self.model = self.api.llama_model_load_from_file(
            str(path).encode(), self.api.llama_model_default_params()
        )
        if not self.model:
            raise RuntimeError(f"llama.cpp cannot load {path}")
        vocab = self.api.llama_model_get_vocab(self.model)
        self.vocab = self.api.llama_vocab_n_tokens(vocab)
        self.is_end = [self.api.llama_vocab_is_eog(vocab, token) for token in range(self.vocab)]
        self.rows = Rows(MAX_ROWS)
        self.context, self.shape = None, None

    def prepare(self, slots, positions):
        """An empty context of this shape; the last one, if it has it."""
        shape = slots, -(-positions // PAGE) * PAGE
        if shape != self.shape:
            if self.context:
                self.api.llama_free(self.context)
            parameters = self.api.llama_context_default_params()
            parameters.n_ctx = shape[0] * shape[1]
            parameters.n_batch, parameters.n_ubatch = MAX_ROWS, MICRO_BATCH
            parameters.n_seq_max = slots
            parameters.n_threads = parameters.n_threads_batch = self.threads
            parameters.flash_attn_type = 1 if self.flash_attention else 0
            parameters.kv_unified = self.unified
            parameters.no_perf = True
            self.context, self.shape = self.api.llama_init_from_model(self.model, parameters), shape
            if not self.context:
                raise RuntimeError("llama.cpp cannot make a context")
        self.memory = self.api.llama_get_memory(self.context)
        self.api.llama_memory_clear(self.memory, False)

    def step(self):
        """Runs the rows and returns the most likely token for each that wants one."""
        self.rows.batch.n_tokens = self.rows.count
        if self.api.llama_decode(self.context, self.rows.batch) != 0:
            raise RuntimeError("llama_decode failed")
        wanted = int(self.rows.wanted[: self.rows.count].sum())
        logits = np.ctypeslib.as_array(self.api.llama_get_logits(self.context), (wanted, self.vocab))
        self.rows.count = 0
        return logits.argmax(axis=1)

    def forget(self):
        pass

    def answer(self, prompts, max_tokens, at_once, ignore_eos, prefix_cache):
        if prefix_cache:
            raise ValueError("llama.cpp shares no prefixes between slots")
        self.prepare(at_once, max(map(len, prompts)) + max_tokens)
        waiting, free = deque(range(len(prompts))), list(range(at_once))
        slot_of, answers = {}, [[] for _ in prompts]
        while waiting or slot_of:
            running = []
            while waiting and free and len(prompts[waiting[0]]) <= self.rows.room():
                index = waiting.popleft()
                slot_of[index] = heapq.heappop(free)
                self.rows.add(prompts[index], 0, slot_of[index], wanted=True)
                running.append(index)
            if not running:
                running = sorted(slot_of, key=slot_of.get)
                for index in running:
                    position = len(prompts[index]) + len(answers[index]) - 1
                    self.rows.add(answers[index][-1:], position, slot_of[index], wanted=True)
            for index, token in zip(running, self.step()):
                answers[index].append(int(token))
                if len(answers[index]) == max_tokens or (self.is_end[token] and not ignore_eos):
                    slot = slot_of.pop(index)
                    self.api.llama_memory_seq_rm(self.memory, slot, -1, -1)
                    heapq.heappush(free, slot)
        return answers
