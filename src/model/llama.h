#pragma once

#include "model/transformer.h"

namespace isobatch::model {

// Llama 1 and 2, Mistral without a window, SmolLM2: everything that GGUF calls "llama" and that needs no rope
// scaling.
std::unique_ptr<Transformer> load_llama(const formats::GgufFile& file, Semantics& semantics,
                                        const Model::Progress& progress);

}  // namespace isobatch::model
