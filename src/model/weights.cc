#include "model/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/float16.h"
#include "base/memory.h"
#include "isobatch/error.h"

namespace isobatch::model {
namespace {

std::size_t round_up(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

WeightLoader::WeightLoader(const formats::GgufFile& file, DType dtype, const Model::Progress& progress)
    : file_(file), dtype_(dtype), progress_(progress) {
  std::size_t bytes = 0;
  for (const formats::Tensor& tensor : file.tensors()) {
    bytes_total_ += tensor.data.size();
    if (tensor.shape.size() == 2) {
      const std::size_t panels = (tensor.shape[0] + kernels::kPanel - 1) / kernels::kPanel;
      bytes += panels * kernels::panel_bytes(packed_type(tensor.type), tensor.shape[1]);
    } else {
      std::size_t values = 1;
      for (const std::int64_t n : tensor.shape) values *= n;
      bytes += round_up(values * sizeof(float));
    }
  }
  if (bytes > memory_limit()) {
    throw Error(ErrorCode::out_of_memory,
                fmt::format("{}: the weights take {} MB in memory in this dtype, {} MB may be used",
                            file.path().string(), bytes >> 20, memory_limit() >> 20));
  }
  memory_ = Arena(bytes);
}

TensorType WeightLoader::packed_type(TensorType type) const {
  switch (dtype_) {
    case DType::native:
      return type;
    case DType::f32:
      return TensorType::f32;
    case DType::bf16:
      return TensorType::bf16;
  }
  return type;
}

void WeightLoader::pack(const formats::Tensor& tensor, int first_row, int rows, int first_output,
                        const kernels::PackedMatrix& target, std::byte* data) const {
  const auto pack_rows = dtype_ == DType::bf16 ? kernels::pack_operand_rows : kernels::pack_rows;
  const std::size_t row_bytes = tensor.data.size() / target.outputs;
  pack_rows(tensor.data.data() + first_row * row_bytes, tensor.type, rows, first_output, target, data);
}

kernels::PackedMatrix WeightLoader::matrix(const std::string& name, int outputs, int depth,
                                           const RowOrder& order) {
  const formats::Tensor& tensor = file_.require(name, std::array<std::int64_t, 2>{outputs, depth});
  kernels::PackedMatrix packed{.type = packed_type(tensor.type), .outputs = outputs, .depth = depth};
  std::byte* data = memory_.take(kernels::packed_bytes(packed));
  packed.data = data;
  if (order) {
    for (int row = 0; row < outputs; ++row) pack(tensor, row, 1, order(row), packed, data);
  } else {
    pack(tensor, 0, outputs, 0, packed, data);
  }
  finished(tensor);
  return packed;
}

std::span<const float> WeightLoader::vector(const std::string& name, int n) {
  const formats::Tensor& tensor = file_.require(name, std::array<std::int64_t, 1>{n});
  auto* values = reinterpret_cast<float*>(memory_.take(n * sizeof(float)));
  kernels::unpack_values(tensor.data.data(), tensor.type, n, values);
  if (dtype_ == DType::bf16) std::transform(values, values + n, values, round_to_bf16);
  finished(tensor);
  return {values, static_cast<std::size_t>(n)};
}

void WeightLoader::finished(const formats::Tensor& tensor) {
  std::uint64_t values = 1;
  for (const std::int64_t n : tensor.shape) values *= n;
  parameters_ += values;
  bytes_done_ += tensor.data.size();
  used_.insert(tensor.name);
  file_.release(tensor);
  if (progress_) progress_(static_cast<double>(bytes_done_) / bytes_total_);
}

void WeightLoader::check_all_used() const {
  for (const formats::Tensor& tensor : file_.tensors()) {
    if (!used_.contains(tensor.name)) {
      throw Error(ErrorCode::unsupported,
                  fmt::format("{}: tensor '{}' has no place in this family; without it the "
                              "model would be another one",
                              file_.path().string(), tensor.name));
    }
  }
}

std::string WeightLoader::type_summary() const {
  std::array<int, kTensorTypes> counts{};
  for (const formats::Tensor& tensor : file_.tensors()) ++counts[static_cast<std::size_t>(tensor.type)];
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
