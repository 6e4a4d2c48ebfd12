#include "isobatch/model.h"

#include <fmt/format.h>

#include <utility>

#include "engine/model_files.h"
#include "engine/model_parts.h"
#include "engine/semantics.h"
#include "isobatch/error.h"
#include "model/packed_copy.h"

namespace isobatch {

Model::Model(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Model::~Model() = default;

std::shared_ptr<const Model> Model::load(const std::filesystem::path& path, const Semantics& semantics,
                                         const LoadOptions& options) {
  // Unmapped again at the end: the weights have been repacked.
  const std::unique_ptr<engine::ModelFiles> files = engine::ModelFiles::open(path);
  auto parts = std::make_unique<Parts>();
  parts->files = files->stamped();
  parts->semantics = semantics;
  const int vocab_size = model::vocabulary_size(files->weights());
  parts->tokenizer = text::Tokenizer::create(files->tokenizer_spec(vocab_size));
  if (parts->tokenizer->vocab_size() != vocab_size) {
    throw Error(ErrorCode::corrupt_file,
                fmt::format("{}: the tokenizer has {} tokens, but the model's vocabulary has {}",
                            path.string(), parts->tokenizer->vocab_size(), vocab_size));
  }
  std::optional<model::PackedCopy> copy;
  if (!options.packed_cache.empty()) {
    copy.emplace(options.packed_cache, std::filesystem::weakly_canonical(path).stem().string(),
                 fmt::format("{}{}", parts->files.identity(), engine::describe_packing(semantics)));
  }
  parts->transformer = model::load_transformer(files->weights(), parts->semantics,
                                               {options.progress, copy ? &*copy : nullptr});
  parts->info = parts->transformer->info();
  parts->info.path = path;
  if (parts->info.name.empty()) parts->info.name = files->name();
  try {
    parts->chat_template = files->chat_template(*parts->tokenizer);
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

std::string Model::render_chat(const ChatInput& input) const {
  if (!parts_->chat_template) {
    const std::string& reason = parts_->chat_template_error;
    throw Error(ErrorCode::unsupported,
                reason.empty() ? fmt::format("{}: the model has no chat template", parts_->info.path.string())
                               : reason);
  }
  return parts_->chat_template->render(input);
}

std::vector<TokenId> Model::apply_chat_template(const ChatInput& input) const {
  return encode(render_chat(input));
}

std::vector<TokenId> Model::apply_chat_template(std::span<const ChatMessage> messages) const {
  return apply_chat_template(chat_of(messages));
}

std::string Model::decode(std::span<const TokenId> tokens) const { return parts_->tokenizer->decode(tokens); }

std::string Model::fingerprint() const {
  std::call_once(parts_->hash_once, [this] { parts_->file_hash = parts_->files.sha256(); });
  return fmt::format("isobatch-{}-{}-{}", kContractVersion, parts_->file_hash.substr(0, 16),
                     engine::describe(parts_->semantics));
}

}  // namespace isobatch
