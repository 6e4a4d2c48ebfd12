#include "interrupt.h"

#include <csignal>
#include <ctime>

namespace isobatch::cli {
namespace {

volatile std::sig_atomic_t caught = 0;
volatile std::sig_atomic_t caught_at = 0;  // seconds

// Only what a signal handler may call.
extern "C" void on_signal(int signal) {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto seconds = static_cast<std::sig_atomic_t>(now.tv_sec);
  if (!caught) {
    caught_at = seconds;
    caught = 1;
  } else if (seconds - caught_at >= 2) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
}

}  // namespace

void catch_interrupts() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

bool interrupted() { return caught; }

}  // namespace isobatch::cli
