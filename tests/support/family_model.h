// The small models of tests/golden/families: as Hugging Face directories and as GGUF files, both with the
// weights that tools/quality/make_family_models.py used.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "isobatch/request.h"

namespace isobatch::test {

struct FamilyTensor {
  std::string name;  // Hugging Face's
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};

struct FamilyModel {
  std::string name;
  nlohmann::json config;  // config.json
  int context = 0;        // positions to load it for
  std::vector<FamilyTensor> tensors;
  std::vector<TokenId> tokens;
  struct Row {
    int position = 0;
    std::vector<float> logits;     // Hugging Face's, of every token
    std::vector<float> bf16, f16;  // the same in these dtypes; empty at most positions
  };
  std::vector<Row> rows;

  const FamilyTensor& tensor(const std::string& tensor_name) const;
};

// offset + scale · u in f32, u uniform in [-1, 1), as random_values() of the tool makes them for a tensor's
// name.
std::vector<float> random_values(const std::string& name, std::size_t n, float scale, float offset);

std::vector<std::string> family_model_names();
FamilyModel read_family_model(const std::string& name);

// config.json and F32 weights: model.safetensors, or several shards with their index.
void write_hf_directory(const FamilyModel& model, const std::filesystem::path& directory, int shards = 1);

// The model as llama.cpp's converter would write it in F32, without a tokenizer. False where GGUF cannot say
// what the model is.
bool write_family_gguf(const FamilyModel& model, const std::filesystem::path& path);

}  // namespace isobatch::test
