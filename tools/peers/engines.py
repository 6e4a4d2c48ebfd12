"""The engines by the name that --engines takes: how each is called in the report, and how it is set up."""

from dataclasses import dataclass, field

from . import jobs

ALL_COLUMNS = tuple(jobs.COLUMNS)
WITHOUT_PREFIXES = tuple(column for column in jobs.COLUMNS if column != "answers_prefix")


@dataclass(frozen=True)
class Engine:
    title: str
    module: str  # isobatch, llama.cpp or openvino
    columns: tuple = ALL_COLUMNS
    settings: dict = field(default_factory=dict)
    llama_build: str = "native"

    @property
    def is_own(self):
        return self.module == "isobatch"


def llama(title, build="native", columns=WITHOUT_PREFIXES, **settings):
    return Engine(title, "llama.cpp", columns, settings, build)


ENGINES = {
    "isobatch": Engine("isobatch", "isobatch"),
    # Activations in 8 bits, as the peers have them.
    "isobatch-native8": Engine("isobatch, native8", "isobatch", settings={"dtype": "native8"}),
    "llama": llama("llama.cpp", flash_attention=False),
    "llama-flash": llama("llama.cpp, flash attention", flash_attention=True),
    # The cache layout of its server; slower by itself, so only where it may matter for answers.
    "llama-unified": llama(
        "llama.cpp, flash attention, unified KV cache",
        columns=("answers", "changed"),
        flash_attention=True,
        unified=True,
    ),
    "llama-no-amx": llama("llama.cpp without AMX", "no-amx", flash_attention=False),
    "llama-no-amx-flash": llama("llama.cpp without AMX, flash attention", "no-amx", flash_attention=True),
    "llama-avx2": llama("llama.cpp, AVX2 alone", "avx2", flash_attention=False),
    "llama-avx2-flash": llama("llama.cpp, AVX2 alone, flash attention", "avx2", flash_attention=True),
    "openvino": Engine("OpenVINO GenAI", "openvino"),
    # At about the fidelity of isobatch's native: by itself it rounds activations and cache to 8 bits.
    "openvino-not-8-bit": Engine(
        "OpenVINO GenAI, no 8-bit activations, KV cache bf16",
        "openvino",
        settings={"DYNAMIC_QUANTIZATION_GROUP_SIZE": 0, "KV_CACHE_PRECISION": "bf16"},
    ),
    "openvino-f32": Engine(
        "OpenVINO GenAI, precision f32", "openvino", settings={"INFERENCE_PRECISION_HINT": "f32"}
    ),
}
# Read by all; the others are made from the first by llama.cpp's quantizer.
FILE_TYPES = (
    *("Q4_1", "Q4_0", "Q8_0", "F16", "BF16", "F32"),
    *("Q5_0", "Q5_1", "Q2_K", "Q3_K_M", "Q4_K_M", "Q5_K_M", "Q6_K", "IQ4_NL", "IQ4_XS"),
)
