#pragma once

#include <nlohmann/json.hpp>

#include "isobatch/openai.h"

namespace isobatch::openai {

using OrderedJson = nlohmann::ordered_json;  // keys stay in the order they are written in

OrderedJson described_options(const Request& request, int choices);  // describe_options() before it is text
OrderedJson exact_number(float value);  // the shortest number that is rounded to this f32; null if it is none
OrderedJson described_logprobs(const Result& result, const Responder& responder);

// 32 hex digits from what makes the record what it is.
std::string derive_id(std::string_view custom_id, std::string_view content);
std::string to_line(const OrderedJson& record);  // names in model files need not be UTF-8

}  // namespace isobatch::openai
