// The models that the suite runs on: small random ones of awkward shapes, and the default model.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "isobatch/model.h"

namespace isobatch::invariance {

struct TestModel {
  std::string name;  // with its semantics
  std::shared_ptr<const Model> model;
  TokenId overflow_token = -1;  // its V in layer 0 is inf; -1: the model has none

  int vocab_size() const { return model->info().vocab_size; }
  KvDType kv_dtype() const { return model->semantics().kv_dtype.value(); }
  std::size_t page_bytes(int page_size) const;
};
using TestModelPtr = std::shared_ptr<const TestModel>;

std::string dtype_name(DType dtype);

// llama models, one for each tensor type; names: q8_0 q4_0 q4_1 f16 bf16 f32. f32 and bf16 have an overflow
// token. One of each other family, with windows and rope scalings; names: mistral (with an overflow token,
// which windows leave behind again) qwen2 qwen3 gemma2 gemma3 phi3.
std::vector<std::string_view> random_model_names();
// Written and loaded when first asked for. Context: 256 positions.
TestModelPtr random_model(std::string_view name, DType dtype, KvDType kv_dtype);

// Null when its file is not in the cache.
TestModelPtr default_model(DType dtype = DType::native, KvDType kv_dtype = KvDType::bf16);

}  // namespace isobatch::invariance
