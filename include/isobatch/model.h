// A model loaded from a file: weights, tokenizer, chat template. Immutable; engines share it.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "isobatch/chat.h"
#include "isobatch/options.h"
#include "isobatch/request.h"

namespace isobatch {

struct ModelInfo {
  std::string name;
  std::string architecture;
  std::filesystem::path path;
  int layers = 0;
  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
  int hidden_size = 0;
  int vocab_size = 0;
  int context = 0;  // positions a request may use
  std::uint64_t parameters = 0;
  std::uint64_t weight_bytes = 0;    // in memory, in the chosen dtype
  std::uint64_t matmul_bytes = 0;    // read once per step: matrices and the head
  std::uint64_t matmul_macs = 0;     // multiply-adds per token in those matrices, head included
  std::uint64_t quantized_macs = 0;  // of which with quantized weights
  std::uint64_t head_macs = 0;       // of which in the vocabulary head (last prompt token only in prefill)
  std::string weight_types;          // "Q4_1 ×210, F32 ×61, Q8_0 ×1"
  bool has_chat_template = false;
};

class Model {
 public:
  using Progress = std::function<void(double fraction)>;

  // How a model is loaded; nothing here can move a bit.
  struct LoadOptions {
    Progress progress;
    // A folder for packed weights: made the first time, mapped the next time instead of packing again, and so
    // shared by processes. A copy that is damaged or of another file or build is made anew. Empty: none.
    std::filesystem::path packed_cache;
  };

  // Throws Error: not_found, io, corrupt_file, unsupported, out_of_memory, invalid_argument.
  static std::shared_ptr<const Model> load(const std::filesystem::path& path, const Semantics& semantics,
                                           const LoadOptions& options);
  static std::shared_ptr<const Model> load(const std::filesystem::path& path, const Semantics& semantics) {
    return load(path, semantics, {});
  }
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  const ModelInfo& info() const;
  const Semantics& semantics() const;  // resolved: kv_dtype and context are set

  // Text to tokens, special tokens recognised, the model's add-bos and add-eos rules applied.
  // Throws Error(invalid_argument) when `text` is not UTF-8.
  std::vector<TokenId> tokenize(std::string_view text) const;
  // Renders the chat template with the generation prompt and tokenizes it; throws Error(unsupported) if the
  // model has none. Nothing is added to what the template writes.
  std::vector<TokenId> apply_chat_template(const ChatInput& input) const;
  std::vector<TokenId> apply_chat_template(std::span<const ChatMessage> messages) const;
  std::string render_chat(const ChatInput& input) const;  // its text
  // Text to tokens, special tokens recognised, nothing added. Throws as tokenize().
  std::vector<TokenId> encode(std::string_view text) const;
  bool adds_bos() const;  // what tokenize() returns begins with a bos token
  // What stands before a text that nothing else stands before: bos, else eos, where the model has one.
  std::optional<TokenId> beginning() const;
  std::string decode(std::span<const TokenId> tokens) const;  // control tokens are left out
  // What one token adds to a text; it need not be whole UTF-8 characters. Empty for control tokens. Throws
  // Error(invalid_argument) when there is no such token.
  std::string token_bytes(TokenId token) const;

  // "isobatch-<contract>-<file hash>-<semantics>": equal fingerprints promise equal bits. The first call
  // reads the whole file.
  std::string fingerprint() const;

  struct Parts;  // the engine's view
  const Parts& parts() const { return *parts_; }

 private:
  explicit Model(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// The semantics that a fingerprint names; none when it is not one.
std::optional<Semantics> semantics_of(std::string_view fingerprint);

}  // namespace isobatch
