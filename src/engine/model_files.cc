#include "engine/model_files.h"

#include <utility>

#include "engine/tokenizer_from_directory.h"
#include "engine/tokenizer_from_gguf.h"
#include "formats/gguf.h"
#include "formats/hf_directory.h"

namespace isobatch::engine {
namespace {

class GgufModel final : public ModelFiles {
 public:
  explicit GgufModel(const std::filesystem::path& path)
      : file_(formats::GgufFile::open(path)), stamped_({path}) {}
  const formats::ModelFile& weights() const override { return file_; }
  text::TokenizerSpec tokenizer_spec(int /*vocab_size*/) const override {
    return engine::tokenizer_spec(file_);
  }
  std::optional<text::ChatTemplate> chat_template(const text::Tokenizer& tokenizer) const override {
    return engine::chat_template(file_, tokenizer);
  }
  std::string name() const override {
    const std::string* name = file_.get_string("general.name");
    return name != nullptr && !name->empty() ? *name : file_.path().stem().string();
  }
  FileSet stamped() const override { return stamped_; }

 private:
  formats::GgufFile file_;
  FileSet stamped_;
};

class HfModel final : public ModelFiles {
 public:
  explicit HfModel(const std::filesystem::path& directory) : file_(directory), stamped_(all_files()) {}
  const formats::ModelFile& weights() const override { return file_; }
  text::TokenizerSpec tokenizer_spec(int vocab_size) const override {
    text::TokenizerSpec spec = tokenizer_spec_from_directory(file_.path());
    pad_vocabulary(spec, vocab_size);
    return spec;
  }
  std::optional<text::ChatTemplate> chat_template(const text::Tokenizer& tokenizer) const override {
    const auto source = chat_template_source_from_directory(file_.path());
    if (!source) return std::nullopt;
    return make_chat_template(*source, tokenizer);
  }
  std::string name() const override {
    const std::filesystem::path absolute = std::filesystem::absolute(file_.path()).lexically_normal();
    return (absolute.has_filename() ? absolute : absolute.parent_path()).filename().string();
  }
  FileSet stamped() const override { return stamped_; }

 private:
  std::vector<std::filesystem::path> all_files() const {
    std::vector<std::filesystem::path> files = file_.files();
    for (const char* name : {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
                             "generation_config.json", "chat_template.jinja", "chat_template.json"}) {
      std::error_code error;
      if (std::filesystem::exists(file_.path() / name, error)) files.push_back(file_.path() / name);
    }
    return files;
  }

  formats::HfDirectory file_;
  FileSet stamped_;
};

}  // namespace

std::unique_ptr<ModelFiles> ModelFiles::open(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return std::make_unique<HfModel>(path);
  return std::make_unique<GgufModel>(path);
}

}  // namespace isobatch::engine
