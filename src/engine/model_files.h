// The files that a model is loaded from: one GGUF file, or a Hugging Face directory.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "engine/file_hash.h"
#include "formats/model_file.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace isobatch::engine {

class ModelFiles {
 public:
  // Opens and checks what holds weights and hyper-parameters. Throws Error.
  static std::unique_ptr<ModelFiles> open(const std::filesystem::path& path);
  virtual ~ModelFiles() = default;

  virtual const formats::ModelFile& weights() const = 0;
  // For a vocabulary of so many tokens. Throws what tokenizer_spec() and tokenizer_spec_from_directory()
  // throw.
  virtual text::TokenizerSpec tokenizer_spec(int vocab_size) const = 0;
  virtual std::optional<text::ChatTemplate> chat_template(const text::Tokenizer& tokenizer) const = 0;
  virtual std::string name() const = 0;
  // All that the bits depend on, as it was when it was opened.
  virtual FileSet stamped() const = 0;
};

}  // namespace isobatch::engine
