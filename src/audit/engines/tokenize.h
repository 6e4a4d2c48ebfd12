// A prompt in the tokens of a model that isobatch has loaded.
#pragma once

#include <vector>

#include "isobatch/audit/engine.h"

namespace isobatch::audit {

// Messages go through the chat template. Throws what openai::tokenize_prompt throws.
std::vector<TokenId> tokenize(const Prompt& prompt, const Model& model);

}  // namespace isobatch::audit
