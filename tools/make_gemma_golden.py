#!/usr/bin/env python3
"""Writes tests/golden/tokenizer_gemma3.json: what sentencepiece and Hugging Face `tokenizers` make of a corpus.

Both are built from the metadata of the GGUF file that tools/fetch_gemma3.sh fetches: a sentencepiece model of its tokens,
scores and types; and a BPE of `tokenizers` whose merges are all pairs of tokens that make a token, ordered by its score.
{"texts", "sentencepiece": ids without special tokens, "tokenizers": ids with those in the text, or null where the two
differ for another reason, "decoded": by sentencepiece}. Needs gguf, sentencepiece, protobuf and tokenizers.
Usage: make_gemma_golden.py MODEL.gguf
"""

import json
import pathlib
import sys

import gguf
import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Tokenizer, models, normalizers

from make_small_tokenizers import SPACE, all_merges, texts

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "tests" / "golden" / "tokenizer_gemma3.json"
CHAT = ["<start_of_turn>user\nHello<end_of_turn>\n<start_of_turn>model\n", "<bos>a<eos>", "a <unused7>b", "<start_of_turn", "[multimodal]<mask>"]


def build_sentencepiece(tokens, scores, types):
    proto = sentencepiece_model_pb2.ModelProto()
    kinds = sentencepiece_model_pb2.ModelProto.SentencePiece
    of_gguf = {1: kinds.NORMAL, 2: kinds.UNKNOWN, 3: kinds.CONTROL, 4: kinds.USER_DEFINED, 5: kinds.UNUSED, 6: kinds.BYTE}
    for token, score, kind in zip(tokens, scores, types):
        kind = kinds.UNKNOWN if token == "<unk>" else of_gguf[kind]
        proto.pieces.add(piece=token.replace(" ", SPACE), score=score, type=kind)
    proto.trainer_spec.model_type = sentencepiece_model_pb2.TrainerSpec.BPE
    proto.trainer_spec.byte_fallback = True
    proto.trainer_spec.vocab_size = len(tokens)
    for name, piece in (("pad", "<pad>"), ("eos", "<eos>"), ("bos", "<bos>"), ("unk", "<unk>")):
        setattr(proto.trainer_spec, name + "_id", tokens.index(piece))
        setattr(proto.trainer_spec, name + "_piece", piece)
    proto.normalizer_spec.name = "identity"
    proto.normalizer_spec.add_dummy_prefix = False
    proto.normalizer_spec.remove_extra_whitespaces = False
    return sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())


def build_tokenizers(tokens, scores, types):
    merged = {}
    for i, (token, score, kind) in enumerate(zip(tokens, scores, types)):
        if kind == 4:
            merged[token.replace(" ", SPACE)] = 1000.0 - i
        elif kind == 1:
            merged[token] = score
    vocabulary = {token.replace(" ", SPACE): i for i, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocabulary, [tuple(pair) for pair in all_merges(merged)], unk_token="<unk>",
                                     fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", SPACE)
    tokenizer.add_tokens([AddedToken(token.replace(" ", SPACE), normalized=False, special=kind == 3)
                          for token, kind in zip(tokens, types) if kind in (3, 4)])
    return tokenizer


def main():
    reader = gguf.GGUFReader(sys.argv[1])
    metadata = [reader.fields[f"tokenizer.ggml.{key}"].contents() for key in ("tokens", "scores", "token_type")]
    model, tokenizer = build_sentencepiece(*metadata), build_tokenizers(*metadata)
    lines = texts() + CHAT
    plain = [model.encode(text) for text in lines]
    special = [tokenizer.encode(text, add_special_tokens=False).ids for text in lines]
    # Runs of more spaces than a token has: the merges cut them otherwise than sentencepiece.
    special = [None if " " * 32 in text.replace(SPACE, " ") else ids for text, ids in zip(lines, special)]
    data = {"texts": lines, "sentencepiece": plain, "tokenizers": special, "decoded": [model.decode(ids) for ids in plain]}
    GOLDEN.write_text(json.dumps(data, ensure_ascii=True, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
