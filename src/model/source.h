// A model file in the families' terms: GGUF's names for keys and tensors, whatever the format is.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/model_file.h"

namespace isobatch::model {

class Source {
 public:
  // Throws Error: corrupt_file when the file does not say what kind of model it holds.
  explicit Source(const formats::ModelFile& file);

  const formats::ModelFile& file() const { return file_; }
  const std::string& architecture() const { return architecture_; }  // GGUF's name: "llama", "gemma3" …
  // Hugging Face's directory, not a GGUF file. What they mean by the same name differs in places.
  bool is_hugging_face() const { return hugging_face_; }

  // Hyper-parameters by GGUF's key without the architecture ("attention.head_count"), or by Hugging Face's
  // where GGUF has none. Errors as in formats::ModelFile.
  std::optional<std::int64_t> get_int(std::string_view key) const;
  std::optional<double> get_float(std::string_view key) const;
  std::optional<bool> get_bool(std::string_view key) const;
  const std::string* get_string(std::string_view key) const;
  const std::vector<std::string>* get_strings(std::string_view key) const;
  std::optional<std::vector<double>> get_floats(std::string_view key) const;

  // An integer in [1, limit]; Error(corrupt_file) when it is absent or outside.
  int require_count(std::string_view key, std::int64_t limit) const;
  int count_or(std::string_view key, std::int64_t limit, int otherwise) const;

  // Tensors by GGUF's name.
  const formats::Tensor* find(const std::string& name) const;
  const formats::Tensor& require(const std::string& name, std::span<const std::int64_t> shape) const;
  std::string own_name(const std::string& name) const;  // as the file has it

  [[noreturn]] void fail_corrupt(const std::string& message) const;
  // "… is not supported by this build's gemma3 family"
  [[noreturn]] void fail_unsupported(const std::string& what) const;

 private:
  std::string own_key(std::string_view key) const;  // as the file has it

  const formats::ModelFile& file_;
  std::string architecture_;
  bool hugging_face_ = false;
};

}  // namespace isobatch::model
