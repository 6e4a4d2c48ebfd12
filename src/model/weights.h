// Tensors of a file, repacked one by one into the layout that the kernels want.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>

#include "base/arena.h"
#include "formats/gguf.h"
#include "isobatch/model.h"
#include "kernels/packed_matrix.h"

namespace isobatch::model {

class WeightLoader {
 public:
  // Reserves memory for all tensors of the file in `dtype`. Throws Error(out_of_memory) with both sizes when
  // they exceed the memory this process may use.
  WeightLoader(const formats::GgufFile& file, DType dtype, const Model::Progress& progress);

  // Maps a row of the file's tensor to its output in the packed matrix.
  using RowOrder = std::function<int(int row)>;

  // [outputs, depth], packed; rows in the file's order unless `order` says otherwise. Throws
  // Error(corrupt_file) when the tensor is absent or has another shape.
  kernels::PackedMatrix matrix(const std::string& name, int outputs, int depth, const RowOrder& order = {});
  // [n] as f32, rounded to bf16 in dtype bf16.
  std::span<const float> vector(const std::string& name, int n);
  bool has(const std::string& name) const { return file_.find(name) != nullptr; }

  // Error(unsupported) naming a tensor that nothing has asked for: leaving one out would be another model.
  void check_all_used() const;
  std::string type_summary() const;  // "Q4_1 ×210, F32 ×61"
  std::uint64_t parameters() const { return parameters_; }
  Arena take_memory() { return std::move(memory_); }

 private:
  TensorType packed_type(TensorType type) const;
  void pack(const formats::Tensor& tensor, int first_row, int rows, int first_output,
            const kernels::PackedMatrix& target, std::byte* data) const;
  void finished(const formats::Tensor& tensor);

  const formats::GgufFile& file_;
  DType dtype_;
  Model::Progress progress_;
  Arena memory_;
  std::set<std::string> used_;
  std::uint64_t parameters_ = 0;
  std::size_t bytes_done_ = 0;
  std::size_t bytes_total_ = 0;
};

}  // namespace isobatch::model
