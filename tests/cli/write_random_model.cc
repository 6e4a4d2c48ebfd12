// Writes a random model, for scripts:
//   write_random_model FILE                the small one of the tests
//   write_random_model FILE FAMILY TYPE    one whose matrices all have a type, for tools/quality
#include <cstdio>
#include <string>

#include "tests/support/random_model.h"

int main(int argc, char** argv) {
  using namespace isobatch;
  if (argc == 2) {
    test::write_random_model(argv[1], {});
    return 0;
  }
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s FILE [FAMILY TYPE]\n", argv[0]);
    return 2;
  }
  const std::string family = argv[2], wanted = argv[3];
  for (const TensorTypeInfo& type : kTensorTypeInfo) {
    if (type.name != wanted) continue;
    // Rows are whole blocks of any type; windows are shorter than the text.
    test::write_random_model(argv[1], {.family = family,
                                       .layers = 7,
                                       .hidden_size = 256,
                                       .heads = 4,
                                       .kv_heads = 2,
                                       .ffn_size = 512,
                                       .vocab_size = 1000,
                                       .context = 1024,
                                       .window = family.starts_with("gemma") ? 64 : 0,
                                       .matrix_type = type.type,
                                       .embedding_type = type.type});
    return 0;
  }
  std::fprintf(stderr, "%s: no type %s\n", argv[0], wanted.c_str());
  return 2;
}
