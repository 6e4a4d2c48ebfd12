#include <fmt/format.h>

#include "isobatch/error.h"
#include "model/llama.h"
#include "model/transformer.h"

namespace isobatch::model {
namespace {

using Load = std::unique_ptr<Transformer>(const formats::GgufFile&, Semantics&, const Model::Progress&);

struct Family {
  std::string_view architecture;  // general.architecture
  Load* load;
};
constexpr Family kFamilies[] = {{"llama", load_llama}};

}  // namespace

std::unique_ptr<Transformer> load_transformer(const formats::GgufFile& file, Semantics& semantics,
                                              const Model::Progress& progress) {
  const std::string* architecture = file.get_string("general.architecture");
  if (!architecture) {
    throw Error(
        ErrorCode::corrupt_file,
        fmt::format("{}: general.architecture is missing: not a language model", file.path().string()));
  }
  if (!semantics.kv_dtype) semantics.kv_dtype = semantics.dtype == DType::f32 ? KvDType::f32 : KvDType::bf16;
  for (const Family& family : kFamilies) {
    if (family.architecture == *architecture) return family.load(file, semantics, progress);
  }
  std::string known;
  for (const Family& family : kFamilies) known += fmt::format(" {}", family.architecture);
  throw Error(ErrorCode::unsupported,
              fmt::format("{}: architecture '{}' is not supported; this build knows:{}", file.path().string(),
                          *architecture, known));
}

}  // namespace isobatch::model
