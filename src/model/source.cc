#include "model/source.h"

#include <fmt/format.h>

#include "isobatch/error.h"
#include "model/hf_names.h"

namespace isobatch::model {

Source::Source(const formats::ModelFile& file) : file_(file) {
  if (const std::string* gguf = file.get_string("general.architecture")) {
    architecture_ = *gguf;
  } else if (const std::string* type = file.get_string("model_type")) {
    hugging_face_ = true;
    architecture_ = architecture_of_hf(*type);
  } else {
    fail_corrupt("general.architecture is missing: not a language model");
  }
}

std::string Source::own_key(std::string_view key) const {
  if (!hugging_face_) return fmt::format("{}.{}", architecture_, key);
  for (const std::string& candidate : hf_keys(key)) {
    if (file_.metadata().contains(candidate)) return candidate;
  }
  return hf_keys(key).front();
}

std::optional<std::int64_t> Source::get_int(std::string_view key) const {
  return file_.get_int(own_key(key));
}
std::optional<double> Source::get_float(std::string_view key) const { return file_.get_float(own_key(key)); }
std::optional<bool> Source::get_bool(std::string_view key) const { return file_.get_bool(own_key(key)); }
const std::string* Source::get_string(std::string_view key) const { return file_.get_string(own_key(key)); }
const std::vector<std::string>* Source::get_strings(std::string_view key) const {
  return file_.get_strings(own_key(key));
}
std::optional<std::vector<double>> Source::get_floats(std::string_view key) const {
  return file_.get_floats(own_key(key));
}

int Source::require_count(std::string_view key, std::int64_t limit) const {
  const std::int64_t value = file_.require_int(own_key(key));
  if (value < 1 || value > limit) {
    fail_corrupt(fmt::format("{} is {}, expected 1 to {}", own_key(key), value, limit));
  }
  return static_cast<int>(value);
}

int Source::count_or(std::string_view key, std::int64_t limit, int otherwise) const {
  return get_int(key) ? require_count(key, limit) : otherwise;
}

std::string Source::own_name(const std::string& name) const {
  return hugging_face_ ? hf_tensor_name(architecture_, name) : name;
}

const formats::Tensor* Source::find(const std::string& name) const { return file_.find(own_name(name)); }

const formats::Tensor& Source::require(const std::string& name, std::span<const std::int64_t> shape) const {
  return file_.require(own_name(name), shape);
}

void Source::fail_corrupt(const std::string& message) const {
  throw Error(ErrorCode::corrupt_file, fmt::format("{}: {}", file_.path().string(), message));
}

void Source::fail_unsupported(const std::string& what) const {
  throw Error(ErrorCode::unsupported, fmt::format("{}: {} is not supported by this build's {} family",
                                                  file_.path().string(), what, architecture_));
}

}  // namespace isobatch::model
