// HTTP requests to one service, several at the same time.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace isobatch::audit {

struct HttpAnswer {
  int status = 0;
  std::string body;
  std::string failure;  // why there is none: no connection, no answer in time; empty: there is one
};

// http:// and https://, whose certificate is checked. No request is sent twice, no redirection followed.
class HttpService {
 public:
  static constexpr std::size_t kMostBytes = 64 << 20;  // of an answer; more is a failure

  // `url`: "http://host:port/v1". `api_key`: sent as a bearer token if it is not empty. Throws
  // Error(invalid_argument) for a url that is none.
  HttpService(std::string_view url, std::string api_key, double timeout_seconds);

  // One connection for each body, all open at the same time; answers in the order of bodies. Ends within the
  // time limit, whatever the service does.
  std::vector<HttpAnswer> post(std::string_view path, const std::vector<std::string>& bodies) const;
  HttpAnswer get(std::string_view path) const;

  // The whole address, for messages.
  std::string address(std::string_view path) const { return host_ + prefix_ + std::string(path); }

 private:
  struct Call;
  std::vector<HttpAnswer> run(std::string_view method, std::string_view path,
                              const std::vector<std::string>& bodies) const;

  std::string host_;    // "http://host:port"
  std::string prefix_;  // "/v1"
  std::string api_key_;
  double timeout_seconds_;
};

}  // namespace isobatch::audit
