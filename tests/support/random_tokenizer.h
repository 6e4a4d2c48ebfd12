// The tokenizer of the random models: byte-level BPE with a few merges and a chat template.
#pragma once

#include "tests/support/gguf_writer.h"

namespace isobatch::test {

// Adds the tokenizer.* metadata for a vocabulary of `vocab_size` tokens, laid out as random_model.h says.
void add_random_tokenizer(GgufWriter& writer, int vocab_size);

}  // namespace isobatch::test
