// Writes the small random model of the tests, for scripts: write_random_model FILE
#include <cstdio>

#include "tests/support/random_model.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s FILE\n", argv[0]);
    return 2;
  }
  isobatch::test::write_random_model(argv[1], {});
}
