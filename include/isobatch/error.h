// The one exception type of the library. Bad input throws Error; the library never prints, aborts or exits
// on input.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace isobatch {

enum class ErrorCode {
  invalid_argument,  // an option or request field has a value that cannot be used
  not_found,         // a file, model or name does not exist
  io,                // the operating system refused a read, write or map
  corrupt_file,      // a file contradicts its own format
  unsupported,       // well-formed, but this build cannot honour it
  out_of_memory,     // the job does not fit in the memory it may use
};

// `what()` is one line: where, what, expected, actual.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace isobatch
