// The tokenizer and chat template of a Hugging Face model directory: tokenizer.json, tokenizer_config.json,
// generation_config.json and chat_template.jinja.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "formats/hf_tokenizer.h"
#include "text/tokenizer.h"

namespace isobatch::engine {

// Throws Error: not_found (no tokenizer.json), corrupt_file (no JSON, or it contradicts itself), unsupported
// (something in it cannot be done exactly as there; the message names it). Generation ends at eos, at those
// of generation_config.json and at control tokens whose name says that a turn or text is over.
text::TokenizerSpec tokenizer_spec_from_directory(const std::filesystem::path& directory);

// The same of files that have been read; `ends` are the ids of generation_config.json, `directory` is for
// messages.
text::TokenizerSpec make_tokenizer_spec(const formats::HfTokenizer& file,
                                        const formats::HfTokenizerConfig& config,
                                        std::span<const TokenId> ends,
                                        const std::filesystem::path& directory);

// Unused tokens up to the model's vocabulary, which is often rounded up. Nothing when there are more tokens.
void pad_vocabulary(text::TokenizerSpec& spec, int vocab_size);

// The source of the template, for text::ChatTemplate; nullopt when the directory has none. Of several named
// ones, the one called "default". Throws Error(corrupt_file).
std::optional<std::string> chat_template_source_from_directory(const std::filesystem::path& directory);

}  // namespace isobatch::engine
