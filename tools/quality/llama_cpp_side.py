#!/usr/bin/env python3
"""llama.cpp's part of type_table.py, in a Python that has llama-cpp-python:

    llama_cpp_side.py quantize SOURCE TARGET FILE_TYPE    its own quantizer, with its own mix of types
    llama_cpp_side.py logits MODEL TOKENS.txt LOGITS.f32  of every position, raw f32 [positions, vocab]
"""

import ctypes
import sys
from pathlib import Path

FILE_TYPES = {  # llama_ftype
    "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q8_0": 7, "Q5_0": 8, "Q5_1": 9, "Q2_K": 10, "Q3_K_M": 12, "Q4_K_M": 15,
    "Q5_K_M": 17, "Q6_K": 18, "IQ4_NL": 25, "IQ4_XS": 30, "BF16": 32,
}  # fmt: skip


def quantize(source: str, target: str, kind: str) -> None:
    import llama_cpp

    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = FILE_TYPES[kind]
    parameters.allow_requantize = True
    if llama_cpp.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(parameters)) != 0:
        sys.exit(f"llama.cpp: {target} could not be made")


def logits(model: str, tokens: str, out: str) -> None:
    import llama_cpp
    import numpy as np

    ids = [int(token) for token in Path(tokens).read_text().split()]
    llm = llama_cpp.Llama(model, n_ctx=len(ids), logits_all=True, n_threads=2, n_threads_batch=2, verbose=False)
    llm.eval(ids)
    np.asarray(llm.scores[: len(ids)], dtype=np.float32).tofile(out)


if __name__ == "__main__":
    {"quantize": quantize, "logits": logits}[sys.argv[1]](*sys.argv[2:])
