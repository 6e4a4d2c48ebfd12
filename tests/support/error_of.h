// The message of the Error that `work` throws.
#pragma once

#include <functional>
#include <string>

#include "isobatch/error.h"

namespace isobatch::test {

inline std::string error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace isobatch::test
