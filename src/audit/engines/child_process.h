// A program that is talked to over its standard input and output.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace isobatch::audit {

// What strangers wrote, for a message: at most `limit` bytes, all of them ASCII.
std::string printable(std::string_view bytes, std::size_t limit);

struct ChildCommand {
  std::vector<std::string> arguments;                            // the program first, looked for on PATH
  std::vector<std::pair<std::string, std::string>> environment;  // set beside what this process has
};

// Belongs to one thread. Nothing blocks beyond its deadline: while one pipe is waited for, the others are
// served, so neither side can wait for the other's full pipe.
class ChildProcess {
 public:
  using Deadline = std::chrono::steady_clock::time_point;
  static constexpr const char* kTooLate = "no answer in time";  // the Error at a deadline

  // Starts it, leader of a process group of its own. Throws Error(not_found, io).
  explicit ChildProcess(const ChildCommand& command);
  // Kills the group and takes the child's exit status, so that no zombie is left.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // False when the child has closed its input or has ended. Throws Error(io) at the deadline.
  bool write(std::string_view bytes, Deadline deadline);
  // The next line of its output without the newline; none when the output has ended (what stands after the
  // last newline is a line too). Throws Error(io) at the deadline and for a line of more than `limit` bytes.
  std::optional<std::string> read_line(std::size_t limit, Deadline deadline);
  // Fills `bytes`; false when the output ends before. Throws Error(io) at the deadline.
  bool read(std::span<std::byte> bytes, Deadline deadline);

  // The last line of text that it wrote to its standard error, shortened; empty if there is none.
  std::string last_message() const;
  // How it ended, "exit code 3" or "signal 9 (Killed)". Waits a moment for a child that is about to end;
  // "its output was closed" when it does not.
  std::string describe_end();
  // Waits for its end; none at the deadline. 128 + the signal's number for a signal.
  std::optional<int> wait(Deadline deadline);

 private:
  // Waits until something can be read or, with bytes in `pending`, be written, and does that. `into` takes
  // the output instead of `output_` if it is not empty. Returns the number of bytes put there.
  std::size_t pump(std::string_view* pending, std::span<std::byte> into, Deadline deadline);
  void keep_message(const char* bytes, std::size_t count);

  pid_t process_ = -1;
  int in_ = -1, out_ = -1, error_ = -1;  // our ends; -1 when closed
  std::optional<int> status_;            // of waitpid
  std::string output_;                   // read and not yet asked for
  std::string messages_;                 // the end of its standard error
};

}  // namespace isobatch::audit
