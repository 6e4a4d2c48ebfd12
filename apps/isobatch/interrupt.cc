#include "interrupt.h"

#include <csignal>

namespace isobatch::cli {
namespace {

volatile std::sig_atomic_t caught = 0;

extern "C" void on_signal(int) { caught = 1; }

}  // namespace

void catch_interrupts() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
}

bool interrupted() { return caught; }

}  // namespace isobatch::cli
