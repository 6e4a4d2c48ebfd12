"""OpenVINO GenAI's continuous batching on a GGUF file, which it reads and compiles by itself."""

import numpy as np
import openvino
import openvino_genai

MOST_AT_ONCE, CACHE_GB, STEP_TOKENS = 64, 2, 2048


class OpenVino:
    def __init__(self, path, threads, end_token, properties):
        self.path, self.end_token = str(path), end_token
        self.properties = {"INFERENCE_NUM_THREADS": threads, **properties}
        self.pipeline, self.most, self.prefix_cache = None, 0, False
        self.prepare(MOST_AT_ONCE, MOST_AT_ONCE, prefix_cache=False)

    def prepare(self, count, at_once, prefix_cache):
        """A pipeline that runs at most `at_once` of `count` requests; the last one, if it does that."""
        if self.pipeline and prefix_cache == self.prefix_cache:
            if self.most == at_once or count <= min(at_once, self.most):
                return
        self.pipeline = None  # frees its memory first
        scheduler = openvino_genai.SchedulerConfig()
        scheduler.cache_size = CACHE_GB
        scheduler.max_num_seqs = self.most = at_once if count > at_once else MOST_AT_ONCE
        scheduler.max_num_batched_tokens = STEP_TOKENS
        scheduler.enable_prefix_caching = self.prefix_cache = prefix_cache
        self.pipeline = openvino_genai.ContinuousBatchingPipeline(
            self.path, scheduler, "CPU", self.properties
        )

    def forget(self):
        """Drops cached prefixes."""
        if self.prefix_cache:
            self.pipeline = None

    def answer(self, prompts, max_tokens, at_once, ignore_eos, prefix_cache):
        self.prepare(len(prompts), at_once, prefix_cache)
        options = openvino_genai.GenerationConfig()
        options.do_sample = False
        options.max_new_tokens = max_tokens
        options.ignore_eos = ignore_eos
        options.set_eos_token_id(self.end_token)
        tensors = [openvino.Tensor(np.array([prompt], np.int64)) for prompt in prompts]
        results = self.pipeline.generate(tensors, [options] * len(tensors))
        return [list(result.m_generation_ids[0]) for result in results]
