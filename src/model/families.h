// One function for each family: its configuration read and checked, its weights loaded. `semantics` is
// resolved: context gets its default.
#pragma once

#include "model/source.h"
#include "model/transformer.h"

namespace isobatch::model {

using LoadFamily = std::unique_ptr<Transformer>(const Source& source, Semantics& semantics,
                                                const Loading& loading);

LoadFamily load_llama;  // Llama 1 to 3, Mistral, SmolLM2
LoadFamily load_qwen2;
LoadFamily load_qwen3;
LoadFamily load_gemma2;
LoadFamily load_gemma3;
LoadFamily load_phi3;

}  // namespace isobatch::model
