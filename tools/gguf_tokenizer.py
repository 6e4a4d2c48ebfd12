"""The byte-level BPE of a GGUF file as a Hugging Face `tokenizers` object, and its chat template."""

import jinja2
from gguf import GGUFReader
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

CONTROL_TOKEN, USER_DEFINED_TOKEN = 3, 4  # tokenizer.ggml.token_type, ggml docs/gguf.md


def load_tokenizer(reader: GGUFReader) -> Tokenizer:
    """Builds the tokenizer; only tokenizer.ggml.pre = smollm or gpt-2 is known."""

    def value(key):
        return reader.fields["tokenizer.ggml." + key].contents()

    tokens, types = value("tokens"), value("token_type")
    merges = [tuple(merge.split(" ")) for merge in value("merges")]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    pre = value("pre")
    if pre == "smollm":
        digits = pre_tokenizers.Digits(individual_digits=True)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, byte_level])
    elif pre == "gpt-2":
        tokenizer.pre_tokenizer = byte_level
    else:
        raise ValueError(f"tokenizer.ggml.pre: expected smollm or gpt-2, got {pre}")
    tokenizer.decoder = decoders.ByteLevel()
    for token, kind in zip(tokens, types):
        if kind in (CONTROL_TOKEN, USER_DEFINED_TOKEN):
            tokenizer.add_tokens([AddedToken(token, normalized=False, special=kind == CONTROL_TOKEN)])
    return tokenizer


def load_chat_template(reader: GGUFReader):
    """Returns a function from a list of messages to the prompt text, generation prompt included."""
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(reader.fields["tokenizer.chat_template"].contents())
    return lambda messages: template.render(messages=messages, add_generation_prompt=True)
