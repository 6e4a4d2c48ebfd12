#!/usr/bin/env python3
"""Trains small tokenizers of each kind and writes what Hugging Face `tokenizers` and sentencepiece make of a corpus.

Into tests/golden/tokenizers/: one tokenizer.json for each vocabulary, texts.json, and golden/NAME.json for each variant:
{"base": vocabulary, "patch": JSON merge patch (RFC 7396) that makes the variant's tokenizer.json of it,
"config": tokenizer_config.json, "ids": of each text by `tokenizers`, with special tokens in the text and none added,
"with_special": of the first text that is not empty, bos and eos added, "decoded": of each text's ids,
"sentencepiece": only where the vocabulary is a model of sentencepiece's: of each text by sentencepiece itself, without
special tokens, "more_texts" and "remove_extra_whitespaces": only where the model has normalization rules: texts beside
those of texts.json, and what its GGUF file would say}. The trained vocabularies are kept: run with --train to make new
ones, or --train NAME... for some.
Needs tokenizers and sentencepiece.
"""

import base64
import copy
import io
import json
import pathlib
import random
import sys
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from make_tokenizer_golden import TEXTS, random_texts

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests" / "golden" / "tokenizers"
SPACE = "\u2581"

# Beside TEXTS: what tells the variants apart.
MORE_TEXTS = [
    "'S 'LL i'Ve \u017f'\u017f it'\u017f", "1234567 12 345", "word  \r\n\r\n next", "tab\tword\t\tword", "!!\n\n?? ...\r", "\u212b \u2126 e\u0301\u0323 o\u0308 \uac00\u1100\u1161 \u0344",
    "\u0915\u093c \ufb01 \u1e9b\u0323", "hello", " hello", "hello world", "Hello  world", "\uff21\uff22\uff43 \uff01\uff0f\u3000\u3002\u2018x\u2019\u2014\u201c", "\u04d0\u0436 \u10a0\u13a0 \u1c90 \ua640",
    "<s>x</s>", "</s> \n x", "<unk>", "\u2581", "\u2581\u2581a b\u2581", "<0x41><0x42>", "a</s></s>b", "<|user|> \n\u00a0Hi <|end|>\n\n<|assistant|>", " <|pad|>  x", "x  <|left|> y", "<tool_call>{}</tool_call>", "un<tool_call",
    " x", "  x", "   x  ", "x\n\n\ny\n", "a     b", " " * 31, " " * 32 + "a", "\n" * 12, "<b>bold</b>", "<table>\n  <td>", "\U0001f600\U0001f601 \u4e2d\u6587\u5b57", "\x01\x02", "\ue000x", "zzzzqqqq",
]

# Normalization rules: with beginnings in common, more characters than one, spaces, nothing, combining marks.
RULES = {
    "a\u0301": "\u00e1", "a\u0323": "\u1ea1", "e\u0301": "\u00e9", "e\u0301\u0323": "\u1eb9\u0301", "o\u0308": "\u00f6", "E": "e",
    "\u1100\u1161": "\uac00", "\u1100\u1161\u11a8": "\uac01", "\u1112": "\u314e", "\uff76\uff9e": "\u30ac", "\uff76": "\u30ab",
    "\u337f": "\u682a\u5f0f\u4f1a\u793e", "\ufa0e": "\u4e2d", "\u3000": " ", "\u00a0": " ", "\t": "  ", "\r\n": " ", "\r": "\n", "\n\n\n": "\n",
    "\u200b": "", "\ufeff": "", "\u200d": "", "\x00": "\u2400", "\u2026": "...", "\u00bd": " 1\u20442 ", "\u00bc": "1  4", "\ufb01": "fi",
    "ing": "in", "tion": "tjon", "qu": "kw", "quick": "fast", "brown fox": "red  fox", "ab": "x", "\u2022": "<b>", "\u25c6": "\u2581",
    **{chr(0xFEE0 + ord(c)): c for c in "ABab!/019"},
}
RULE_TEXTS = [
    "a\u0301\u0323 a\u0323\u0301 e\u0301\u0323 e\u0323\u0301 E\u0301 E\u0302", "\u1100\u1161\u11a8\u1100\u1161\u11a9\u1100 \u1112\u1161\u11ab", "\uff76\uff9e\uff76\uff77\uff9e", "\u337f\ufa0e\ufa0f",
    "\u200b", " \u200b ", "\u200b \u3000a\u200b", "\u3000\u3000", "a\t\tb\t", "\t", "\u00bd", "1\u00bd 2\u00bd\u00bd", "\u00bc \u00bc", "\r\n\r\n", "a\r\n\r\nb\n\n\n\nc\n",
    "quick qui q", "the brown fox and brown  fox", "ingestion taking stations", "abcabc bcab", "\uff21x\uff21 \uff41\uff42\uff43", "\u2022x</b>\u2022", "<\uff42>", "\u25c6\u2581 \u25c6", "x\u2581 ", "x \u2581\u200b",
    "\U0001f469\u200d\U0001f4bb\u200d", "\U0001f1e9\U0001f1ea\u0301\U0001f1eb", "E\u0301\u0302 e\u200d\u0301", "\u0915\u094d\u0937\u0301", "\uff10\uff11\uff19", "<s> E\u200b</s>\u3000E", "\uff21\uff22c  \uff22c\u2003 ",
    "x\u3000 \u3000<s>\u3000x", "hello\u2003\u3000", "E<unk>E",
]


def random_rule_texts(count):
    rng = random.Random(21)
    pieces = [*RULES, *RULES.values(), " ", " ", "\u2581", "\u0301", "\u0323", "bc", "<b>", "a", "e", "b", "c", "\u1161", "\u11a8", "\uff9e", "the", "i"]
    for _ in range(count):
        yield "".join(rng.choice(pieces) for _ in range(rng.randrange(1, 16)))


def texts():
    return TEXTS + MORE_TEXTS + list(random_texts(40))


def corpus():
    lines = (ROOT / "prompts" / "pool.txt").read_text(encoding="utf-8").splitlines()
    return lines + texts() * 2


def byte_level_base():
    """BPE over bytes whose merges know no borders of words, so that each pattern shows."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=800, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  special_tokens=["<s>", "</s>", "<|pad|>", "<|left|>"], show_progress=False)
    tokenizer.train_from_iterator(corpus(), trainer)
    data = json.loads(tokenizer.to_str())
    vocabulary = data["model"]["vocab"]
    for word in ["hello", "\u0120hello", "zzzz", "\u0120123", "qq"]:  # tokens that no merge makes
        vocabulary.setdefault(word, len(vocabulary))
    first = len(vocabulary)
    data["added_tokens"] += [{"id": first + i, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
                              "normalized": normalized, "special": False}
                             for i, (content, normalized) in enumerate([("<tool_call>", False), ("</tool_call>", True)])]
    for token in data["added_tokens"]:
        token["lstrip"] = token["content"] == "<|left|>"
        token["rstrip"] = token["content"] in ("</s>", "<|left|>")
    return data


def train_sentencepiece(**options):
    model = io.BytesIO()
    defaults = dict(normalization_rule_name="identity", remove_extra_whitespaces=False, byte_fallback=True,
                    hard_vocab_limit=False, character_coverage=0.98, allow_whitespace_only_pieces=True, minloglevel=2,
                    num_threads=1)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(line for text in corpus() for line in text.split("\n") if line.strip() and "\x00" not in line),
        model_writer=model, **{**defaults, **options})
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model.getvalue())
    # Sums of these are exact, in float too, so that equal paths are equal in every program.
    for piece in proto.pieces:
        piece.score = round(piece.score * 64) / 64
    return proto


def train_with_rules(**options):
    code_points = lambda text: " ".join(f"{ord(c):X}" for c in text)
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file:
        file.writelines(f"{code_points(text)}\t{code_points(replacement)}\n" for text, replacement in RULES.items() if "\x00" not in text)
        file.flush()
        return train_sentencepiece(normalization_rule_tsv=file.name, **options)


def read_proto(base):
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString((FOLDER / f"{base}.model").read_bytes())
    return proto


def all_merges(scores):
    """Every pair of tokens that makes a token, the best score first; of equal ones, the lower ids first."""
    ids = {token: i for i, token in enumerate(scores)}
    found = []
    for token, score in scores.items():
        pairs = [(token[:i], token[i:]) for i in range(1, len(token)) if token[:i] in ids and token[i:] in ids]
        found += [(-score, ids[left], ids[right], [left, right]) for left, right in pairs]
    return [pair for *_, pair in sorted(found)]


def added_token(i, content, special, rstrip=False):
    return {"id": i, "content": content, "single_word": False, "lstrip": False, "rstrip": rstrip, "normalized": False,
            "special": special}


def sentencepiece_json(proto, extra=()):
    """tokenizer.json of a BPE or unigram model, without normalizer and pre-tokenizer."""
    types = sentencepiece_model_pb2.ModelProto.SentencePiece
    pieces = proto.pieces
    added = [added_token(i, p.piece, p.type != types.USER_DEFINED, rstrip=bool(extra) and p.piece == "</s>")
             for i, p in enumerate(pieces) if p.type in (types.CONTROL, types.UNKNOWN, types.USER_DEFINED)]
    added += [added_token(len(pieces) + i, content, True, rstrip=True) for i, content in enumerate(extra)]
    if proto.trainer_spec.model_type == 1:
        model = {"type": "Unigram", "unk_id": 0, "byte_fallback": True, "vocab": [[p.piece, p.score] for p in pieces]}
    else:
        # User-defined tokens of spaces and newlines come before all others, as in Gemma's file.
        merged = {p.piece: 1000.0 - i if p.type == types.USER_DEFINED else p.score
                  for i, p in enumerate(pieces) if p.type in (types.NORMAL, types.USER_DEFINED)}
        model = {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                 "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
                 "vocab": {p.piece: i for i, p in enumerate(pieces)}, "merges": all_merges(merged)}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
            "pre_tokenizer": None, "post_processor": None, "decoder": None, "model": model}


def split(pattern):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def byte_level(use_regex):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": use_regex}


def sequence(key, *steps):
    return {"type": "Sequence", key: list(steps)}


def replace(pattern, content):
    return {"type": "Replace", "pattern": {"String": pattern}, "content": content}


def template(before=(), after=(), ids={}):
    piece = lambda name: {"SpecialToken": {"id": name, "type_id": 0}}
    single = [*map(piece, before), {"Sequence": {"id": "A", "type_id": 0}}, *map(piece, after)]
    return {"type": "TemplateProcessing", "single": single, "pair": single + [{"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {name: {"id": name, "ids": [ids[name]], "tokens": [name]} for name in (*before, *after)}}


GPT4 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|DIGITS| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK_LETTERS = (
    "\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\u1f7d"
    "ᾀ-ᾴᾶ-ᾼ\u1fbeῂ-ῄῆ-ῌῐ-\u1fd3ῖ-\u1fdbῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u2126ℨ\u212a-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ"
    "𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+")
DIGITS = {"type": "Digits", "individual_digits": True}


def variants(bases):
    ids = {name: {**data["model"]["vocab"]} if isinstance(data["model"]["vocab"], dict) else {} for name, data in bases.items()}
    b = ids["byte_level"]
    special = {"bos_token": "<s>", "eos_token": "</s>"}
    unescape = [replace(SPACE, " "), {"type": "ByteFallback"}, {"type": "Fuse"}]
    strip = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
    metaspace = lambda scheme, cut: {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": scheme, "split": cut}
    prepend = sequence("normalizers", {"type": "Prepend", "prepend": SPACE}, replace(" ", SPACE))
    llama = ids["llama"]
    yield "gpt-2", "byte_level", {"pre_tokenizer": byte_level(True)}, special
    yield "smollm", "byte_level", {"pre_tokenizer": sequence("pretokenizers", DIGITS, byte_level(True))}, special
    yield "llama-bpe", "byte_level", {
        "pre_tokenizer": sequence("pretokenizers", split(GPT4.replace("DIGITS", r"\p{N}{1,3}")), byte_level(False)),
        "post_processor": sequence("processors", byte_level(True), template(["<s>"], ids=b)),
        "model": {"ignore_merges": True}}, special
    yield "qwen2", "byte_level", {
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": sequence("pretokenizers", split(GPT4.replace("DIGITS", r"\p{N}")), byte_level(False)),
        "post_processor": byte_level(False)}, {**special, "bos_token": None, "add_bos_token": False}
    yield "deepseek-llm", "byte_level", {
        "normalizer": {"type": "Sequence", "normalizers": []},
        "pre_tokenizer": sequence("pretokenizers", split("[\r\n]"), split(DEEPSEEK_LETTERS),
                                  split("\\s?[!-/:-~！-／：-～‘-‟　-。]+"), split("\\s+$"), split("[一-龥ࠀ-一가-퟿]+"), DIGITS,
                                  byte_level(False))}, {**special, "add_bos_token": False, "add_eos_token": False}
    yield "llama2", "llama", {"normalizer": prepend, "decoder": sequence("decoders", *unescape, strip),
                              "post_processor": template(["<s>"], ids=llama)}, special
    # As Llama 2's first files: special tokens are found in normalized text.
    old = [{**token, "normalized": True, "rstrip": False} for token in bases["llama"]["added_tokens"]]
    yield "llama2-old", "llama", {"normalizer": prepend, "decoder": sequence("decoders", *unescape, strip), "added_tokens": old}, special
    yield "llama2-first", "llama", {"pre_tokenizer": metaspace("first", False), "decoder": sequence("decoders", *unescape, strip),
                                    "post_processor": template(["<s>"], ["</s>"], llama)}, special
    yield "llama2-words", "llama", {"pre_tokenizer": metaspace("always", True), "decoder": sequence("decoders", *unescape, strip)}, special
    yield "gemma", "gemma", {
        "normalizer": replace(" ", SPACE),
        "pre_tokenizer": {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False},
        "decoder": sequence("decoders", *unescape), "post_processor": template(["<bos>"], ids=ids["gemma"])}, {
            "bos_token": {"content": "<bos>"}, "eos_token": "<eos>"}
    yield "unigram", "unigram", {"pre_tokenizer": metaspace("always", False), "decoder": sequence("decoders", *unescape, strip)}, special
    rules = {base: {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(read_proto(base).normalizer_spec.precompiled_charsmap).decode()}
             for base in ("rules_unigram", "rules_bpe")}
    clean = [{"type": "Strip", "strip_left": False, "strip_right": True}, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": SPACE}]
    yield "rules-unigram", "rules_unigram", {"normalizer": rules["rules_unigram"], "pre_tokenizer": metaspace("first", False),
                                             "decoder": sequence("decoders", *unescape, strip)}, special
    # As transformers makes them of sentencepiece's models.
    yield "rules-words", "rules_unigram", {"normalizer": sequence("normalizers", rules["rules_unigram"], *clean), "pre_tokenizer": metaspace("always", True),
                                           "decoder": sequence("decoders", *unescape, strip)}, special
    yield "rules-bpe", "rules_bpe", {"normalizer": sequence("normalizers", rules["rules_bpe"], *prepend["normalizers"]),
                                     "decoder": sequence("decoders", *unescape, strip)}, special
    # Added tokens that are found in normalized text.
    late = [{**token, "normalized": True} for token in bases["rules_bpe"]["added_tokens"]]
    yield "rules-late", "rules_bpe", {"normalizer": sequence("normalizers", rules["rules_bpe"], replace(" ", SPACE)), "added_tokens": late,
                                      "decoder": sequence("decoders", *unescape)}, special
    yield "unigram-words", "unigram", {"pre_tokenizer": metaspace("always", True), "decoder": sequence("decoders", *unescape, strip)}, special


def merge_patch(target, patch):
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def train(names):
    if not names or "byte_level" in names:
        write(FOLDER / "byte_level.json", byte_level_base())
    runs = ["\n" * n for n in range(1, 12)] + [SPACE * n for n in range(2, 21)] + ["<b>", "</b>", "<table>", "<td>"]
    trainings = {
        "llama": lambda: train_sentencepiece(model_type="bpe", vocab_size=1100, add_dummy_prefix=True),
        "gemma": lambda: train_sentencepiece(model_type="bpe", vocab_size=1000, add_dummy_prefix=False, bos_piece="<bos>",
                                     eos_piece="<eos>", user_defined_symbols=runs),
        "unigram": lambda: train_sentencepiece(model_type="unigram", vocab_size=800, add_dummy_prefix=True),
        "rules_unigram": lambda: train_with_rules(model_type="unigram", vocab_size=620, add_dummy_prefix=True, remove_extra_whitespaces=True),
        "rules_bpe": lambda: train_with_rules(model_type="bpe", vocab_size=620, add_dummy_prefix=True,
                                              user_defined_symbols=["<b>", "</b>", "bc", "\uff21x", SPACE * 2, "\n\n"]),
    }
    for name, make_proto in trainings.items():
        if names and name not in names:
            continue
        proto = make_proto()
        (FOLDER / f"{name}.model").write_bytes(proto.SerializeToString())
        write(FOLDER / f"{name}.json", sentencepiece_json(proto, ("<|user|>", "<|end|>", "<|assistant|>") if name == "llama" else ()))


def main():
    if "--train" in sys.argv:
        train(sys.argv[sys.argv.index("--train") + 1:])
    bases = {name: json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
             for name in ("byte_level", "llama", "gemma", "unigram", "rules_unigram", "rules_bpe")}
    shared = texts()
    write(FOLDER / "texts.json", shared)
    for name, base, patch, config in variants(bases):
        tokenizer = Tokenizer.from_str(json.dumps(merge_patch(copy.deepcopy(bases[base]), patch)))
        has_rules = base.startswith("rules")
        more = RULE_TEXTS + list(random_rule_texts(60)) if has_rules else []
        lines = shared + more
        encodings = [tokenizer.encode(text, add_special_tokens=False).ids for text in lines]
        golden = {"base": base, "patch": patch, "config": config, "ids": encodings,
                  "with_special": tokenizer.encode(lines[2], add_special_tokens=True).ids,
                  "decoded": [tokenizer.decode(ids, skip_special_tokens=True) for ids in encodings]}
        if has_rules:
            golden["more_texts"] = more
            golden["remove_extra_whitespaces"] = read_proto(base).normalizer_spec.remove_extra_whitespaces
        if name in ("llama2", "gemma", "unigram", "rules-unigram", "rules-bpe"):
            model = sentencepiece.SentencePieceProcessor(model_file=str(FOLDER / f"{base}.model"))
            golden["sentencepiece"] = [model.encode(text) for text in lines]
        write(FOLDER / "golden" / f"{name}.json", golden)


if __name__ == "__main__":
    main()
