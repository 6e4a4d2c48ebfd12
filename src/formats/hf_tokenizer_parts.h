// The parts of tokenizer.json, each read by a function of its own.
#pragma once

#include "formats/hf_tokenizer.h"
#include "formats/json_node.h"

namespace isobatch::formats {

void read_model(const JsonNode& model, HfTokenizer& tokenizer);
HfAddedToken read_added_token(const JsonNode& token, std::int32_t id);
void read_normalizer(const JsonNode& normalizer, HfTokenizer& tokenizer);
void read_pre_tokenizer(const JsonNode& pre_tokenizer, HfTokenizer& tokenizer);
void read_decoder(const JsonNode& decoder, HfTokenizer& tokenizer);
void read_post_processor(const JsonNode& post_processor, HfTokenizer& tokenizer);

// A token id that can be a place in a vector.
std::int32_t read_token_id(const JsonNode& id);

}  // namespace isobatch::formats
