#include "model/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/float16.h"
#include "base/memory.h"
#include "isobatch/error.h"
#include "model/quantize_weights.h"

namespace isobatch::model {
namespace {

std::size_t round_up(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

std::uint64_t values_of(const formats::Tensor& tensor) {
  std::uint64_t values = 1;
  for (const std::int64_t n : tensor.shape) values *= n;
  return values;
}

// Read elsewhere or made anew: rotary factors (rope_scaling.cc), and the frequencies that old files carry.
bool is_rotary(const std::string& name) {
  return name == "rope_freqs.weight" || name == "rope_factors_long.weight" ||
         name == "rope_factors_short.weight" || name.ends_with(".rotary_emb.inv_freq");
}

}  // namespace

WeightLoader::WeightLoader(const Source& source, const Semantics& semantics, const Model::Progress& progress)
    : source_(source), dtype_(semantics.dtype), quantize_(semantics.quantize), progress_(progress) {
  std::size_t bytes = 0;
  const auto changes = [this](const formats::Tensor& t) { return stored_type(t) != t.type; };
  if (quantize_ != Quantize::none && std::ranges::none_of(source.file().tensors(), changes)) {
    source.fail_unsupported("a file with nothing to quantize, no float matrix with rows of whole blocks,");
  }
  for (const formats::Tensor& tensor : source.file().tensors()) {
    values_total_ += values_of(tensor);
    if (tensor.shape.size() == 2) {
      // A tensor that is cut into several matrices has more panels that are not full.
      const std::size_t panels = (tensor.shape[0] + kernels::kPanel - 1) / kernels::kPanel + 2;
      bytes += panels * kernels::panel_bytes(packed_type(tensor), tensor.shape[1]);
    } else {
      bytes += round_up(values_of(tensor) * sizeof(float));
    }
  }
  if (bytes > memory_limit()) {
    throw Error(ErrorCode::out_of_memory,
                fmt::format("{}: the weights take {} MB in memory in this dtype, {} MB may be used",
                            source.file().path().string(), bytes >> 20, memory_limit() >> 20));
  }
  memory_ = Arena(bytes);
}

// A matrix whose rows are no whole blocks stays as it is.
TensorType WeightLoader::stored_type(const formats::Tensor& tensor) const {
  const bool fits = tensor.shape.size() == 2 && tensor.shape[1] % kernels::kBlock == 0;
  if (quantize_ == Quantize::none || is_quantized(tensor.type) || !fits) return tensor.type;
  return quantize_ == Quantize::q8_0 ? TensorType::q8_0 : TensorType::q4_0;
}

TensorType WeightLoader::packed_type(const formats::Tensor& tensor) const {
  switch (dtype_) {
    case DType::native:
      return stored_type(tensor);
    case DType::f32:
      return TensorType::f32;
    case DType::bf16:
      return TensorType::bf16;
    case DType::f16:
      return TensorType::f16;
  }
  return tensor.type;
}

void WeightLoader::pack(const formats::Tensor& tensor, int first_row, int rows, int first_output,
                        const kernels::PackedMatrix& target, std::byte* data) const {
  const auto pack_rows = dtype_ == DType::bf16 ? kernels::pack_operand_rows : kernels::pack_rows;
  const std::size_t row_bytes = tensor.data.size() / tensor.shape[0];
  const std::byte* source = tensor.data.data() + first_row * row_bytes;
  TensorType type = stored_type(tensor);
  const bool to_f16 = dtype_ == DType::f16 && type != TensorType::f16;
  if (type == tensor.type && !to_f16) return pack_rows(source, type, rows, first_output, target, data);

  std::vector<float> values(target.depth);
  std::vector<std::byte> row;
  for (int r = 0; r < rows; ++r) {
    type = stored_type(tensor);
    kernels::unpack_values(source + r * row_bytes, tensor.type, target.depth, values.data());
    if (type != tensor.type) {
      row = quantize_row(type, values, tensor.name);
      kernels::unpack_values(row.data(), type, target.depth, values.data());
    }
    if (to_f16) {
      row.resize(2 * values.size());
      for (std::size_t k = 0; k < values.size(); ++k) {
        const std::uint16_t half = f32_to_f16(values[k]);
        std::memcpy(row.data() + 2 * k, &half, 2);
      }
      type = TensorType::f16;
    }
    pack_rows(row.data(), type, 1, first_output + r, target, data);
  }
}

kernels::PackedMatrix WeightLoader::matrix(const std::string& name, int outputs, int depth,
                                           const RowOrder& order) {
  if (!order) return matrix_rows(name, outputs, 0, outputs, depth);
  const formats::Tensor& tensor = source_.require(name, std::array<std::int64_t, 2>{outputs, depth});
  kernels::PackedMatrix packed{.type = packed_type(tensor), .outputs = outputs, .depth = depth};
  std::byte* data = memory_.take(kernels::packed_bytes(packed));
  packed.data = data;
  for (int row = 0; row < outputs; ++row) pack(tensor, row, 1, order(row), packed, data);
  finished(tensor, values_of(tensor));
  return packed;
}

kernels::PackedMatrix WeightLoader::matrix_rows(const std::string& name, int rows, int first_row, int outputs,
                                                int depth) {
  const formats::Tensor& tensor = source_.require(name, std::array<std::int64_t, 2>{rows, depth});
  kernels::PackedMatrix packed{.type = packed_type(tensor), .outputs = outputs, .depth = depth};
  std::byte* data = memory_.take(kernels::packed_bytes(packed));
  packed.data = data;
  pack(tensor, first_row, outputs, 0, packed, data);
  finished(tensor, static_cast<std::uint64_t>(outputs) * depth);
  return packed;
}

float WeightLoader::round(float value) const {
  if (dtype_ == DType::bf16) return round_to_bf16(value);
  return dtype_ == DType::f16 ? round_to_f16(value) : value;
}

std::span<float> WeightLoader::take_vector(const std::string& name, int n) {
  const formats::Tensor& tensor = source_.require(name, std::array<std::int64_t, 1>{n});
  auto* values = reinterpret_cast<float*>(memory_.take(n * sizeof(float)));
  kernels::unpack_values(tensor.data.data(), tensor.type, n, values);
  finished(tensor, n);
  return {values, static_cast<std::size_t>(n)};
}

std::span<const float> WeightLoader::vector(const std::string& name, int n, const RowOrder& order) {
  const std::span<float> values = take_vector(name, n);
  const std::vector<float> in_file(values.begin(), values.end());
  for (int i = 0; i < n; ++i) values[order ? order(i) : i] = round(in_file[i]);
  return values;
}

std::span<const float> WeightLoader::vector_plus_one(const std::string& name, int n) {
  const std::span<float> values = take_vector(name, n);
  for (float& value : values) {
    // By way of the sum that GGUF holds, so that both files give the same bits.
    const float sum = source_.is_hugging_face() ? 1.0f + value : value;
    value = dtype_ == DType::native || dtype_ == DType::f32 ? sum : 1.0f + round(sum - 1.0f);
  }
  return values;
}

void WeightLoader::finished(const formats::Tensor& tensor, std::uint64_t values) {
  parameters_ += values;
  used_.insert(tensor.name);
  source_.file().release(tensor);
  if (progress_) progress_(static_cast<double>(parameters_) / values_total_);
}

void WeightLoader::check_all_used() const {
  for (const formats::Tensor& tensor : source_.file().tensors()) {
    if (!used_.contains(tensor.name) && !is_rotary(tensor.name)) {
      throw Error(ErrorCode::unsupported,
                  fmt::format("{}: tensor '{}' has no place in this family; without it the "
                              "model would be another one",
                              source_.file().path().string(), tensor.name));
    }
  }
}

std::string WeightLoader::type_summary() const {
  std::array<int, kTensorTypes> counts{};
  for (const formats::Tensor& tensor : source_.file().tensors())
    ++counts[static_cast<std::size_t>(stored_type(tensor))];
  std::vector<std::pair<int, std::string_view>> order;
  for (std::size_t t = 0; t < kTensorTypes; ++t) {
    if (counts[t] > 0) order.emplace_back(counts[t], kTensorTypeInfo[t].name);
  }
  std::sort(order.rbegin(), order.rend());
  std::string summary;
  for (const auto& [count, name] : order) {
    summary += fmt::format("{}{} ×{}", summary.empty() ? "" : ", ", name, count);
  }
  return summary;
}

}  // namespace isobatch::model
