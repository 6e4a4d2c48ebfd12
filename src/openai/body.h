// The fields of a request body: what the model is to read, and how it is to answer.
#pragma once

#include "isobatch/openai.h"
#include "openai/json_object.h"

namespace isobatch::openai {

// Fields "messages", "tools", "tool_choice", "documents", "chat_template_kwargs".
ChatInput read_chat(JsonObject& body);
Prompt read_prompt(JsonObject& body);                      // field "prompt": text or token ids
std::vector<TokenId> read_input_ids(JsonObject& body);     // fields "input_ids", "attention_mask"
void read_constraint(JsonObject& body, Request& request);  // "response_format" and its like
// All other fields; keeps what is absent.
void read_answer_options(JsonObject& body, Request& request, int& choices);

}  // namespace isobatch::openai
