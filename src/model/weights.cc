#include "model/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
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

WeightLoader::WeightLoader(const Source& source, const Semantics& semantics, const Loading& loading,
                           bool may_copy)
    : source_(source),
      dtype_(semantics.dtype),
      quantize_(semantics.quantize),
      loading_(loading),
      pool_(available_cpus()) {
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
  if (may_copy && loading_.copy) {
    if (std::optional<Arena> copy = loading_.copy->map()) {
      memory_ = std::move(*copy);
      copied_ = true;
      return;
    }
  }
  memory_ = Arena(bytes);
}

Arena WeightLoader::take_memory() {
  if (copied_ && memory_.left() != 0) throw StaleCopy{};
  if (loading_.copy && !copied_) loading_.copy->write(memory_);
  return std::move(memory_);
}

std::byte* WeightLoader::take(std::size_t bytes) {
  if (copied_ && memory_.left() < round_up(bytes)) throw StaleCopy{};
  return memory_.take(bytes);
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
    case DType::native8:
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

void WeightLoader::check_panel(const formats::Tensor& tensor, int first_row,
                               const kernels::PackedMatrix& copied, int panel, const RowOrder& order) const {
  const std::size_t size = kernels::panel_bytes(copied.type, copied.depth);
  std::vector<std::byte> expected(size);
  const kernels::PackedMatrix one{.type = copied.type, .outputs = kernels::kPanel, .depth = copied.depth};
  for (int row = 0; row < copied.outputs; ++row) {
    const int output = order ? order(row) : row;
    if (output / kernels::kPanel != panel) continue;
    pack(tensor, first_row + row, 1, output % kernels::kPanel, one, expected.data());
  }
  if (std::memcmp(expected.data(), copied.data + panel * size, size) != 0) throw StaleCopy{};
}

// By all CPUs. Rows of one panel may be packed at the same time: they share no byte.
void WeightLoader::pack_all(const formats::Tensor& tensor, int first_row, const RowOrder& order,
                            const kernels::PackedMatrix& target, std::byte* data) {
  constexpr int kRows = 4 * kernels::kPanel;
  const int parts = (target.outputs + kRows - 1) / kRows;
  std::vector<std::exception_ptr> failures(parts);
  pool_.parallel_for(parts, [&](int part, int) {
    const int begin = part * kRows, end = std::min(begin + kRows, target.outputs);
    try {
      if (!order) return pack(tensor, first_row + begin, end - begin, begin, target, data);
      for (int row = begin; row < end; ++row) pack(tensor, first_row + row, 1, order(row), target, data);
    } catch (...) {
      failures[part] = std::current_exception();
    }
  });
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

// Rows [first_row, first_row + outputs) of the tensor.
kernels::PackedMatrix WeightLoader::fill_matrix(const formats::Tensor& tensor, int first_row, int outputs,
                                                int depth, const RowOrder& order) {
  kernels::PackedMatrix packed{.type = packed_type(tensor), .outputs = outputs, .depth = depth};
  std::byte* data = take(kernels::packed_bytes(packed));
  packed.data = data;
  if (copied_) {
    for (const int panel : {0, packed.panels() - 1}) check_panel(tensor, first_row, packed, panel, order);
  } else {
    pack_all(tensor, first_row, order, packed, data);
  }
  finished(tensor, static_cast<std::uint64_t>(outputs) * depth);
  return packed;
}

kernels::PackedMatrix WeightLoader::matrix(const std::string& name, int outputs, int depth,
                                           const RowOrder& order) {
  return fill_matrix(source_.require(name, std::array<std::int64_t, 2>{outputs, depth}), 0, outputs, depth,
                     order);
}

kernels::PackedMatrix WeightLoader::matrix_rows(const std::string& name, int rows, int first_row, int outputs,
                                                int depth) {
  return fill_matrix(source_.require(name, std::array<std::int64_t, 2>{rows, depth}), first_row, outputs,
                     depth, {});
}

float WeightLoader::round(float value) const {
  if (dtype_ == DType::bf16) return round_to_bf16(value);
  return dtype_ == DType::f16 ? round_to_f16(value) : value;
}

std::vector<float> WeightLoader::values_of_vector(const std::string& name, int n) {
  const formats::Tensor& tensor = source_.require(name, std::array<std::int64_t, 1>{n});
  std::vector<float> values(n);
  kernels::unpack_values(tensor.data.data(), tensor.type, n, values.data());
  finished(tensor, n);
  return values;
}

std::span<const float> WeightLoader::fill_vector(std::span<const float> values) {
  std::byte* data = take(values.size_bytes());
  if (!copied_) std::memcpy(data, values.data(), values.size_bytes());
  if (std::memcmp(data, values.data(), values.size_bytes()) != 0) throw StaleCopy{};
  return {reinterpret_cast<const float*>(data), values.size()};
}

std::span<const float> WeightLoader::vector(const std::string& name, int n, const RowOrder& order) {
  const std::vector<float> in_file = values_of_vector(name, n);
  std::vector<float> values(in_file.size());
  for (int i = 0; i < n; ++i) values[order ? order(i) : i] = round(in_file[i]);
  return fill_vector(values);
}

std::span<const float> WeightLoader::vector_plus_one(const std::string& name, int n) {
  std::vector<float> values = values_of_vector(name, n);
  for (float& value : values) {
    // By way of the sum that GGUF holds, so that both files give the same bits.
    const float sum = source_.is_hugging_face() ? 1.0f + value : value;
    const bool rounds = dtype_ == DType::bf16 || dtype_ == DType::f16;
    value = rounds ? 1.0f + round(sum - 1.0f) : sum;
  }
  return fill_vector(values);
}

void WeightLoader::finished(const formats::Tensor& tensor, std::uint64_t values) {
  parameters_ += values;
  used_.insert(tensor.name);
  source_.file().release(tensor);
  if (loading_.progress) loading_.progress(static_cast<double>(parameters_) / values_total_);
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
