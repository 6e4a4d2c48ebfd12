#include "formats/ggml_types.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace isobatch::formats {
namespace {

// Types that ggml knows and this build does not (enum ggml_type, ggml.h), so that an error can name them.
constexpr std::pair<std::uint32_t, std::string_view> kOtherTypes[] = {
    {4, "Q4_2"},        {5, "Q4_3"},     {9, "Q8_1"},

    {15, "Q8_K"},       {16, "IQ2_XXS"}, {17, "IQ2_XS"}, {18, "IQ3_XXS"},    {19, "IQ1_S"},
    {21, "IQ3_S"},      {22, "IQ2_S"},   {24, "I8"},     {25, "I16"},        {26, "I32"},
    {27, "I64"},        {28, "F64"},     {29, "IQ1_M"},  {31, "Q4_0_4_4"},   {32, "Q4_0_4_8"},
    {33, "Q4_0_8_8"},   {34, "TQ1_0"},   {35, "TQ2_0"},  {36, "IQ4_NL_4_4"}, {37, "IQ4_NL_4_8"},
    {38, "IQ4_NL_8_8"}, {39, "MXFP4"},
};

}  // namespace

std::optional<TensorType> tensor_type_of_gguf(std::uint32_t id) {
  for (const TensorTypeInfo& known : kTensorTypeInfo) {
    if (known.gguf_id == id) return known.type;
  }
  return std::nullopt;
}

std::string describe_gguf_type(std::uint32_t id) {
  if (const auto type = tensor_type_of_gguf(id)) return fmt::format("{} (type id {})", info(*type).name, id);
  for (const auto& [other, name] : kOtherTypes) {
    if (other == id) return fmt::format("{} (type id {})", name, id);
  }
  return fmt::format("type id {}", id);
}

std::string supported_tensor_types() {
  std::string names;
  for (const TensorTypeInfo& known : kTensorTypeInfo) {
    if (!names.empty()) names += ", ";
    names += known.name;
  }
  return names;
}

}  // namespace isobatch::formats
