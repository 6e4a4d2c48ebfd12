// What a loaded model is made of.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "engine/file_hash.h"
#include "isobatch/model.h"
#include "model/transformer.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace isobatch {

struct Model::Parts {
  ModelInfo info;
  Semantics semantics;
  std::unique_ptr<const model::Transformer> transformer;
  std::unique_ptr<const text::Tokenizer> tokenizer;
  std::optional<text::ChatTemplate> chat_template;
  std::string chat_template_error;  // why there is none, when the file has one

  // SHA-256 of the files, computed when it is asked for; they must still be the ones that were loaded.
  engine::FileSet files;
  mutable std::once_flag hash_once;
  mutable std::string file_hash;

  // Also for tests, which bring their own transformer and tokenizer.
  static std::shared_ptr<const Model> make_model(std::unique_ptr<Parts> parts) {
    return std::shared_ptr<const Model>(new Model(std::move(parts)));
  }
};

}  // namespace isobatch
