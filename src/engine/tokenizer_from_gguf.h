// The tokenizer and chat template that a GGUF file describes in its metadata (keys tokenizer.*).
#pragma once

#include <optional>

#include "formats/gguf.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace isobatch::engine {

// What the file does not say stays empty: Tokenizer::create judges it. Throws Error(corrupt_file) when a key
// has another type or an id or token type does not fit. Generation ends at eos, eot and eom and at control
// tokens whose name says that a turn or text is over.
text::TokenizerSpec tokenizer_spec(const formats::GgufFile& file);

// The template, knowing the tokenizer's bos and eos. Throws what ChatTemplate's constructor throws.
text::ChatTemplate make_chat_template(const std::string& source, const text::Tokenizer& tokenizer);

// nullopt when the file has no template. Throws what ChatTemplate's constructor throws.
std::optional<text::ChatTemplate> chat_template(const formats::GgufFile& file,
                                                const text::Tokenizer& tokenizer);

}  // namespace isobatch::engine
