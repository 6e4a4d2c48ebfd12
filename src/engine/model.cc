#include "isobatch/model.h"

#include <fmt/format.h>

#include <utility>

#include "engine/file_hash.h"
#include "engine/model_parts.h"
#include "engine/semantics.h"
#include "engine/tokenizer_from_gguf.h"
#include "formats/gguf.h"
#include "isobatch/error.h"

namespace isobatch {

Model::Model(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Model::~Model() = default;

std::shared_ptr<const Model> Model::load(const std::filesystem::path& path, const Semantics& semantics,
                                         const Progress& progress) {
  // Unmapped again at the end: the weights have been repacked.
  const formats::GgufFile file = formats::GgufFile::open(path);
  auto parts = std::make_unique<Parts>();
  parts->file_size = std::filesystem::file_size(path);
  parts->file_time = std::filesystem::last_write_time(path);
  parts->semantics = semantics;
  parts->tokenizer = text::Tokenizer::create(engine::tokenizer_spec(file));
  parts->transformer = model::load_transformer(file, parts->semantics, progress);
  parts->info = parts->transformer->info();
  parts->info.path = path;
  if (parts->info.name.empty()) {
    const std::string* name = file.get_string("general.name");
    parts->info.name = name != nullptr && !name->empty() ? *name : path.stem().string();
  }
  if (parts->tokenizer->vocab_size() != parts->info.vocab_size) {
    throw Error(ErrorCode::corrupt_file,
                fmt::format("{}: the tokenizer has {} tokens, but the model's vocabulary has {}",
                            path.string(), parts->tokenizer->vocab_size(), parts->info.vocab_size));
  }
  try {
    parts->chat_template = engine::chat_template(file, *parts->tokenizer);
  } catch (const Error& error) {  // the model is of use without it
    parts->chat_template_error = error.what();
  }
  parts->info.has_chat_template = parts->chat_template.has_value();
  return Parts::make_model(std::move(parts));
}

const ModelInfo& Model::info() const { return parts_->info; }
const Semantics& Model::semantics() const { return parts_->semantics; }

std::vector<TokenId> Model::tokenize(std::string_view text) const {
  return parts_->tokenizer->encode(text, /*add_special=*/true, /*parse_special=*/true);
}

std::vector<TokenId> Model::apply_chat_template(std::span<const ChatMessage> messages) const {
  if (!parts_->chat_template) {
    const std::string& reason = parts_->chat_template_error;
    throw Error(ErrorCode::unsupported,
                reason.empty() ? fmt::format("{}: the model has no chat template", parts_->info.path.string())
                               : reason);
  }
  const std::string text = parts_->chat_template->render(messages, /*add_generation_prompt=*/true);
  return parts_->tokenizer->encode(text, /*add_special=*/false, /*parse_special=*/true);
}

std::string Model::decode(std::span<const TokenId> tokens) const { return parts_->tokenizer->decode(tokens); }

std::string Model::fingerprint() const {
  std::call_once(parts_->hash_once, [this] {
    const std::filesystem::path& path = parts_->info.path;
    std::string hash = engine::sha256_of_file(path);
    if (std::filesystem::file_size(path) != parts_->file_size ||
        std::filesystem::last_write_time(path) != parts_->file_time) {
      throw Error(ErrorCode::io, fmt::format("{}: the file has changed since it was loaded", path.string()));
    }
    parts_->file_hash = std::move(hash);
  });
  return fmt::format("isobatch-{}-{}-{}", kContractVersion, parts_->file_hash.substr(0, 16),
                     engine::describe(parts_->semantics));
}

}  // namespace isobatch
