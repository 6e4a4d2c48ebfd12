#include <fmt/format.h>

#include "isobatch/error.h"
#include "model/config.h"
#include "model/families.h"

namespace isobatch::model {
namespace {

struct Family {
  std::string_view architecture;  // GGUF's general.architecture
  LoadFamily* load;
};
constexpr Family kFamilies[] = {{"llama", load_llama},   {"qwen2", load_qwen2},   {"qwen3", load_qwen3},
                                {"gemma2", load_gemma2}, {"gemma3", load_gemma3}, {"phi3", load_phi3}};

}  // namespace

int vocabulary_size(const formats::ModelFile& file) { return vocabulary_size(Source(file)); }

std::unique_ptr<Transformer> load_transformer(const formats::ModelFile& file, Semantics& semantics,
                                              const Loading& loading) {
  const Source source(file);
  if (!semantics.kv_dtype) {
    semantics.kv_dtype = semantics.dtype == DType::f32   ? KvDType::f32
                         : semantics.dtype == DType::f16 ? KvDType::f16
                                                         : KvDType::bf16;
  }
  for (const Family& family : kFamilies) {
    if (family.architecture == source.architecture()) return family.load(source, semantics, loading);
  }
  std::string known;
  for (const Family& family : kFamilies) known += fmt::format(" {}", family.architecture);
  throw Error(ErrorCode::unsupported,
              fmt::format("{}: architecture '{}' is not supported; this build knows:{}", file.path().string(),
                          source.architecture(), known));
}

}  // namespace isobatch::model
