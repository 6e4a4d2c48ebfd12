#!/usr/bin/env python3
"""Writes tests/golden/tokenizer_smollm2.jsonl: what the Hugging Face `tokenizers` package makes of a corpus.

The tokenizer is built from the GGUF file's own metadata: byte-level BPE with its tokens and merges, its control
tokens as special tokens. Each line: {"text", "smollm": ids, "gpt-2": ids}, the last two with the pre-tokenizer of
that name. Needs tokenizers and gguf.
Usage: make_tokenizer_golden.py MODEL.gguf
"""

import json
import pathlib
import random
import sys

import gguf
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "tests" / "golden"
CONTROL = 3  # token type

TEXTS = [
    "", " ", "a", "Hello world", "Hello, world! How are you?", "The quick brown fox jumps over the lazy dog.",
    # languages
    "Ça va très bien, merci ! L'œuvre d'été coûte 12 €.", "Größe, Übung, Straße, ẞ, naïve façade", "¿Dónde está el niño? ¡Aquí!",
    "Zażółć gęślą jaźń", "Příliš žluťoučký kůň úpěl ďábelské ódy", "Árvíztűrő tükörfúrógép", "Þorn, ðæt, sjö", "İstanbul'da ılık rüzgâr",
    "Việt Nam: Tiếng Việt có nhiều dấu", "Съешь же ещё этих мягких французских булок", "Щастя, ґанок, їжак", "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία",
    "مرحبا بالعالم، كيف حالك؟ ١٢٣", "سلام دنیا ۴۵۶", "שלום עולם, מה שלומך? אָלֶף", "नमस्ते दुनिया, क्या हाल है? १२३", "বাংলা ভাষা ৭৮৯", "தமிழ் மொழி",
    "ภาษาไทยไม่มีเว้นวรรค ๑๒๓", "ສະບາຍດີ", "မြန်မာဘာသာ", "ខ្មែរ", "བོད་སྐད", "ქართული ენა", "Հայերեն լեզու", "አማርኛ ቋንቋ", "ᏣᎳᎩ", "ᐃᓄᒃᑎᑐᑦ",
    "今天天气很好，我们去公园吧。", "繁體中文測試：臺灣", "吾輩は猫である。名前はまだ無い。カタカナ ﾊﾝｶｸ", "안녕하세요 세계! 한국어 띄어쓰기", "𠜎𠜱𡿺 𝒜𝓑 𝟙𝟚𝟛 𐍈",
    # emoji
    "😀😃😄", "👩‍👩‍👧‍👦 👨🏽‍💻 🏳️‍🌈 🇩🇪🇫🇷", "I ❤️ you ☕️ 1️⃣", "text😀text 😀 text", "\u200d\u200d", "e\u0301 vs é", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢",
    # digits
    "1", "12", "123", "1234567890", "3.14159", "1,000,000", "a1b2c3", "1st 2nd 3rd", "in 1984 and 2024", "x²+y³=½ ⅷ Ⅻ ① ⑳ 〇 一二三", "0x1F 1e-9 -42 +7", "٣٤ 12३४",
    " 1 2  3   4", "v1.2.3-rc4", "$5.00 €6 7% 8°C",
    # white space
    "  two", "   three", "trailing ", "trailing   ", "a  b   c    d", "\t", "\ttab", "a\tb\t\tc", "\n", "\n\n", "\n\n\n", "a\nb\n\nc\n\n\nd", "a\r\nb\r\n", "\r", "a \n b", "a\n  b\n    c", " \n \n ",
    "a\u00a0b \u00a0 c", "\u2003em \u2003\u2003space", "zero\u200bwidth\ufeffbom", "\u3000全角\u3000", "line\u2028para\u2029", "\u0085next\u000b\u000c", "\u180emongolian\u180e", "\u1680ogham", "\x00nul\x01\x02", "\x1c\x1d\x1e\x1f", "a \u00a0", "  \t \n  x", "\u202f1\u202f000",
    # contractions
    "I'm you're he's we've they'll I'd don't", "I'M YOU'RE", "it’s don’t", "'tis 'twas rock'n'roll", "''s'' 's 't're", "O'Neill's dogs'", "x'sy'tz", " 's 'll",
    # punctuation
    "...", "!!!???", "--- *** ===", "(a)[b]{c}<d>", "a,b;c:d", "\"quoted\" 'single' `tick` «guillemets» „low“", "http://example.com/path?q=1&r=2#frag", "user@example.com", "C:\\dir\\file.txt", "a_b__c", "#hash @at", "—–‐…", " .", " ,a", "!a", " !a", "\u0301combining first", "²a", " ²",
    # code
    "def f(x):\n    return x + 1\n\n\nclass A:\n\tpass\n", "int main(void) {\n  printf(\"%d\\n\", 42);\n  return 0;\n}\n", "for (let i = 0; i < 10; i++) { a[i] *= 2; } // comment", "SELECT * FROM t WHERE a >= 10 AND b != 'x';",
    "<div class=\"a\">\n\t<p>text</p>\n</div>", "{\"key\": [1, 2.5, null, true], \"k\\u00e9\": \"v\"}", "    if x:\n        y = 1\n    else:\n        y = 2\n", "#!/bin/sh\nls -la | grep \"^d\" > out.txt 2>&1", "x=>x**2|>f$", "λx.x ∀x∈ℝ: x²≥0 ∑∫√∞≠≤",
    # long words
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft", "pneumonoultramicroscopicsilicovolcanoconiosis", "a" * 100, "ab" * 150, "=" * 77, "-" * 200, " " * 50, " " * 49 + "x", "\n" * 20, "あ" * 60, "1" * 40, "!?" * 40, "aaaaaaaaab" * 12, "ACGT" * 50,
    # special tokens
    "<|im_start|>user\nHi<|im_end|>\n", "<|im_start|><|im_end|>", "a<|endoftext|>b", "<|im_start|", "<|im_start|>>", "<<|im_start|>", " <|im_end|> ", "<repo_name><reponame><file_sep>", "<|IM_START|>", "1<|im_end|>2", "it<|im_end|>'s", "<|im_<|im_end|>start|>", "<jupyter_start> <empty_output>",
    "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n<|im_start|>user\nIs the sky blue? Answer yes or no.<|im_end|>\n<|im_start|>assistant\n",
    # bytes that the vocabulary lacks a token for
    "\x04\x06a\x13\x14b\x16\x1d", "a\x04b", "th\x04e", "\U00040000x\U000bffff", "\U000f0000\U0010ffff\ue000",
]

PIECES = ["the", "and", "ing", " ", "  ", "\n", "\t", "\r\n", "'s", "'ll", "'", "é", "ß", "я", "щ", "Ω", "ع", "ש", "क", "ी", "ไ", "中", "文", "あ", "한", "😀", "\u200d", "\u0301", "\u00a0", "\u3000", "\u200b", "\ufeff", "0", "7", "42", "½", "٣", ".", ",", "!", "(", "_", "-", "<", "<|", "|>",
          "<|im_end|>", "A", "z", "XyZ", "tion", "qu", "\u2028", "\x85", "\x1f", "𝔘", "𠜎"]


def random_texts(count):
    rng = random.Random(20)
    for _ in range(count):
        yield "".join(rng.choice(PIECES) for _ in range(rng.randrange(2, 40)))
    for _ in range(count):  # any assigned-looking code point of the first three planes
        yield "".join(chr(rng.choice([rng.randrange(0x20, 0x250), rng.randrange(0x370, 0xD800), rng.randrange(0x1F300, 0x1F700)]))
                      for _ in range(rng.randrange(1, 12)))


def build(tokens, types, merges, pre_tokenizer):
    vocabulary = {token: i for i, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[tuple(m.split(" ")) for m in merges]))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False)
                                  for t, kind in zip(tokens, types) if kind == CONTROL])
    return tokenizer


def main():
    reader = gguf.GGUFReader(sys.argv[1])
    tokens, types, merges = (reader.fields[f"tokenizer.ggml.{key}"].contents() for key in ("tokens", "token_type", "merges"))
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    digits = pre_tokenizers.Digits(individual_digits=True)
    tokenizers = {"smollm": build(tokens, types, merges, pre_tokenizers.Sequence([digits, byte_level])),
                  "gpt-2": build(tokens, types, merges, byte_level)}
    texts = TEXTS + list(random_texts(150))
    with open(GOLDEN / "tokenizer_smollm2.jsonl", "w", encoding="utf-8") as out:
        for text in texts:
            line = {"text": text}
            for name, tokenizer in tokenizers.items():
                encoding = tokenizer.encode(text, add_special_tokens=False)
                line[name] = encoding.ids
            line["decoded"] = tokenizers["smollm"].decode(line["smollm"], skip_special_tokens=True)
            out.write(json.dumps(line, ensure_ascii=True, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
