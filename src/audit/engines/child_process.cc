#include "audit/engines/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

#include "isobatch/error.h"

namespace isobatch::audit {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kReadBytes = 1 << 16;
constexpr std::size_t kMessageBytes = 8192;  // kept of standard error
constexpr std::size_t kMessageShown = 300;   // of its last line
constexpr std::size_t kUnasked = 256 << 20;  // output that nobody has asked for
constexpr auto kEndPatience = std::chrono::seconds(2);
constexpr auto kEndStep = std::chrono::milliseconds(5);

[[noreturn]] void fail(const std::string& what) { throw Error(ErrorCode::io, what); }
[[noreturn]] void fail_errno(std::string_view what) {
  fail(fmt::format("{}: {}", what, std::strerror(errno)));
}

void close_end(int& descriptor) {
  if (descriptor >= 0) ::close(descriptor);
  descriptor = -1;
}

// Both ends, closed on exec, ours not blocking.
struct Channel {
  int ours = -1, theirs = -1;
  Channel() = default;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel() {
    close_end(ours);
    close_end(theirs);
  }
  // A socket and no pipe, since a write to it can be told not to raise SIGPIPE.
  void open_to_child() {
    std::array<int, 2> ends;
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) fail_errno("socketpair");
    ours = ends[0], theirs = ends[1];
    set_nonblocking();
  }
  void open_from_child() {
    std::array<int, 2> ends;
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail_errno("pipe");
    ours = ends[0], theirs = ends[1];
    set_nonblocking();
  }
  int release() { return std::exchange(ours, -1); }

 private:
  void set_nonblocking() {
    if (::fcntl(ours, F_SETFL, O_NONBLOCK) != 0) fail_errno("fcntl");
  }
};

// "NAME=value" of this process with `changes` applied.
std::vector<std::string> make_environment(const std::vector<std::pair<std::string, std::string>>& changes) {
  std::vector<std::string> result;
  for (char** variable = environ; *variable; ++variable) {
    const std::string_view text = *variable;
    const std::string_view name = text.substr(0, text.find('='));
    const auto same = [name](const auto& change) { return change.first == name; };
    if (std::none_of(changes.begin(), changes.end(), same)) result.emplace_back(text);
  }
  for (const auto& [name, value] : changes) result.push_back(name + "=" + value);
  return result;
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (const std::string& string : strings) result.push_back(const_cast<char*>(string.c_str()));
  result.push_back(nullptr);
  return result;
}

pid_t spawn(const ChildCommand& command, int in, int out, int error) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, error, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const std::vector<std::string> environment = make_environment(command.environment);
  pid_t process = -1;
  const int result = ::posix_spawnp(&process, command.arguments.front().c_str(), &actions, &attributes,
                                    pointers(command.arguments).data(), pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (result != 0) {
    throw Error(result == ENOENT ? ErrorCode::not_found : ErrorCode::io,
                fmt::format("{}: cannot be started: {}", command.arguments.front(), std::strerror(result)));
  }
  return process;
}

// Kills the group, then takes the leader's status: until then its number cannot belong to anyone else.
int reap(pid_t leader) {
  ::kill(-leader, SIGKILL);
  int status = 0;
  while (::waitpid(leader, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

int exit_code(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

}  // namespace

std::string printable(std::string_view bytes, std::size_t limit) {
  std::string text(bytes.substr(0, limit));
  for (char& c : text) {
    if (c == '\t' || c == '\n' || c == '\r') c = ' ';
    if (c < ' ' || c > '~') c = '?';
  }
  if (text.size() < bytes.size()) text += "…";
  return text;
}

ChildProcess::ChildProcess(const ChildCommand& command) {
  if (command.arguments.empty()) throw Error(ErrorCode::invalid_argument, "a command without a program");
  Channel in, out, error;
  in.open_to_child();
  out.open_from_child();
  error.open_from_child();
  process_ = spawn(command, in.theirs, out.theirs, error.theirs);
  in_ = in.release(), out_ = out.release(), error_ = error.release();
}

ChildProcess::~ChildProcess() {
  if (!status_) reap(process_);
  close_end(in_);
  close_end(out_);
  close_end(error_);
}

void ChildProcess::keep_message(const char* bytes, std::size_t count) {
  messages_.append(bytes, count);
  if (messages_.size() > 2 * kMessageBytes) messages_.erase(0, messages_.size() - kMessageBytes);
}

std::size_t ChildProcess::pump(std::string_view* pending, std::span<std::byte> into, Deadline deadline) {
  const bool writes = pending && !pending->empty() && in_ >= 0;
  std::array<pollfd, 3> ends = {{{out_, POLLIN, 0}, {error_, POLLIN, 0}, {writes ? in_ : -1, POLLOUT, 0}}};
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  const int ready =
      left <= 0 ? 0 : ::poll(ends.data(), ends.size(), static_cast<int>(std::min<long>(left, 60'000)));
  if (ready < 0 && errno != EINTR) fail_errno("poll");
  if (ready == 0 && Clock::now() >= deadline) fail(kTooLate);
  if (ready <= 0) return 0;

  std::array<char, kReadBytes> buffer;
  const auto take = [](int& end, void* bytes, std::size_t count) -> std::size_t {
    const ssize_t got = ::read(end, bytes, count);
    if (got > 0) return static_cast<std::size_t>(got);
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) close_end(end);
    return 0;
  };
  std::size_t filled = 0;
  if (ends[1].revents) keep_message(buffer.data(), take(error_, buffer.data(), buffer.size()));
  if (ends[0].revents) {
    if (!into.empty()) {
      filled = take(out_, into.data(), into.size());
    } else {
      output_.append(buffer.data(), take(out_, buffer.data(), buffer.size()));
      if (output_.size() > kUnasked) fail("it writes and writes, without being asked");
    }
  }
  if (ends[2].revents) {
    const ssize_t sent = ::send(in_, pending->data(), pending->size(), MSG_NOSIGNAL);
    if (sent > 0) pending->remove_prefix(static_cast<std::size_t>(sent));
    if (sent < 0 && errno != EAGAIN && errno != EINTR) close_end(in_);
  }
  return filled;
}

bool ChildProcess::write(std::string_view bytes, Deadline deadline) {
  while (!bytes.empty() && in_ >= 0) pump(&bytes, {}, deadline);
  return bytes.empty();
}

std::optional<std::string> ChildProcess::read_line(std::size_t limit, Deadline deadline) {
  std::size_t searched = 0;
  while (true) {
    const std::size_t end = output_.find('\n', searched);
    if (std::min(end, output_.size()) > limit) fail(fmt::format("a line of more than {} bytes", limit));
    if (end != std::string::npos) {
      std::string line = output_.substr(0, end);
      output_.erase(0, end + 1);
      return line;
    }
    searched = output_.size();
    if (out_ < 0) {
      if (output_.empty()) return std::nullopt;
      return std::exchange(output_, {});
    }
    pump(nullptr, {}, deadline);
  }
}

bool ChildProcess::read(std::span<std::byte> bytes, Deadline deadline) {
  const std::size_t kept = std::min(bytes.size(), output_.size());
  std::copy_n(std::as_bytes(std::span(output_)).begin(), kept, bytes.begin());
  output_.erase(0, kept);
  bytes = bytes.subspan(kept);
  while (!bytes.empty() && out_ >= 0) bytes = bytes.subspan(pump(nullptr, bytes, deadline));
  return bytes.empty();
}

std::string ChildProcess::last_message() const {
  std::string_view text = messages_;
  const auto is_blank = [](char c) { return static_cast<unsigned char>(c) <= ' '; };
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return printable(text.substr(text.find_last_of("\n\r") + 1), kMessageShown);  // npos + 1 is 0
}

std::optional<int> ChildProcess::wait(Deadline deadline) {
  while (!status_) {
    siginfo_t ended{};
    ::waitid(P_PID, static_cast<id_t>(process_), &ended, WEXITED | WNOHANG | WNOWAIT);
    if (ended.si_pid == process_) {
      status_ = reap(process_);
    } else if (Clock::now() >= deadline) {
      return std::nullopt;
    } else {
      std::this_thread::sleep_for(kEndStep);
    }
  }
  return exit_code(*status_);
}

std::string ChildProcess::describe_end() {
  const Deadline deadline = Clock::now() + kEndPatience;
  try {  // its last words
    while (error_ >= 0) pump(nullptr, {}, deadline);
  } catch (const Error&) {
  }
  if (!wait(deadline)) return "its output was closed";
  if (WIFEXITED(*status_)) return fmt::format("exit code {}", WEXITSTATUS(*status_));
  return fmt::format("signal {} ({})", WTERMSIG(*status_), strsignal(WTERMSIG(*status_)));
}

}  // namespace isobatch::audit
