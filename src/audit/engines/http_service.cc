#include "audit/engines/http_service.h"

#include <fmt/format.h>
#include <httplib.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "audit/engines/child_process.h"
#include "isobatch/error.h"

namespace isobatch::audit {
namespace {

constexpr double kConnectSeconds = 20;

// A write to a connection that the service has closed is an error, not the end of this process.
void block_broken_pipe() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

std::chrono::microseconds microseconds(double seconds) {
  return std::chrono::microseconds(static_cast<std::int64_t>(std::min(seconds, 1e8) * 1e6));
}

}  // namespace

struct HttpService::Call {
  std::unique_ptr<httplib::Client> client;
  HttpAnswer answer;
  bool finished = false;
  bool too_long = false;

  void run(httplib::Request& request) {
    request.content_receiver = [this](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
      too_long = answer.body.size() + size > kMostBytes;
      if (!too_long) answer.body.append(data, size);
      return !too_long;
    };
    httplib::Response response;
    httplib::Error error = httplib::Error::Success;
    if (client->send(request, response, error)) {
      answer.status = response.status;
    } else {
      answer.failure = too_long ? fmt::format("an answer of more than {} bytes", kMostBytes)
                                : fmt::format("no answer ({} failed)", httplib::to_string(error));
    }
  }
};

HttpService::HttpService(std::string_view url, std::string api_key, double timeout_seconds)
    : api_key_(std::move(api_key)), timeout_seconds_(timeout_seconds) {
  const std::size_t scheme = url.find("://");
  const std::string_view name = url.substr(0, std::min(scheme, url.size()));
  const std::size_t begin = scheme == std::string_view::npos ? 0 : scheme + 3;
  const std::size_t path = std::min(url.find('/', begin), url.size());
  if ((name != "http" && name != "https") || path == begin || url.find_first_of("?#@ ") < url.size()) {
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("url: expected http://host:port/v1 or https://…, got \"{}\"", printable(url, 200)));
  }
  host_ = url.substr(0, path);
  prefix_ = url.substr(path);
  while (prefix_.ends_with('/')) prefix_.pop_back();
}

std::vector<HttpAnswer> HttpService::run(std::string_view method, std::string_view path,
                                         const std::vector<std::string>& bodies) const {
  std::vector<Call> calls(bodies.size());
  for (Call& call : calls) {
    call.client = std::make_unique<httplib::Client>(host_);
    call.client->set_connection_timeout(microseconds(std::min(timeout_seconds_, kConnectSeconds)));
    call.client->set_read_timeout(microseconds(timeout_seconds_));
    call.client->set_write_timeout(microseconds(timeout_seconds_));
    call.client->set_tcp_nodelay(true);
  }
  std::mutex mutex;
  std::condition_variable changed;
  const auto deadline = std::chrono::steady_clock::now() + microseconds(timeout_seconds_);
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    threads.emplace_back([&, i] {
      block_broken_pipe();
      httplib::Request request;
      request.method = method;
      request.path = prefix_ + std::string(path);
      request.body = bodies[i];
      if (!request.body.empty()) request.set_header("Content-Type", "application/json");
      if (!api_key_.empty()) request.set_header("Authorization", "Bearer " + api_key_);
      calls[i].run(request);
      const std::lock_guard lock(mutex);
      calls[i].finished = true;
      changed.notify_one();
    });
  }
  {
    std::unique_lock lock(mutex);
    const auto all_finished = [&] {
      return std::all_of(calls.begin(), calls.end(), [](const Call& call) { return call.finished; });
    };
    // The limits of the connection are for each read; a service that sends a byte now and then keeps them.
    while (!changed.wait_until(
        lock, std::max(deadline, std::chrono::steady_clock::now() + std::chrono::milliseconds(100)),
        all_finished)) {
      for (Call& call : calls) {
        if (!call.finished) call.client->stop();
      }
    }
  }
  threads.clear();
  std::vector<HttpAnswer> answers;
  const bool late = std::chrono::steady_clock::now() >= deadline;
  for (Call& call : calls) {
    if (late && !call.answer.failure.empty() && !call.too_long) {
      call.answer.failure = fmt::format("no answer within {:g} s", timeout_seconds_);
    }
    answers.push_back(std::move(call.answer));
  }
  return answers;
}

std::vector<HttpAnswer> HttpService::post(std::string_view path,
                                          const std::vector<std::string>& bodies) const {
  return run("POST", path, bodies);
}

HttpAnswer HttpService::get(std::string_view path) const { return run("GET", path, {""}).front(); }

}  // namespace isobatch::audit
