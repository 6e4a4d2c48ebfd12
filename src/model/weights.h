// Tensors of a file, repacked one by one into the layout that the kernels want.
#pragma once

#include <functional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/arena.h"
#include "base/thread_pool.h"
#include "isobatch/model.h"
#include "kernels/packed_matrix.h"
#include "model/packed_copy.h"
#include "model/source.h"
#include "model/transformer.h"

namespace isobatch::model {

class WeightLoader {
 public:
  // Reserves memory for all tensors of the file in the dtype. Throws Error(out_of_memory) with both sizes
  // when they exceed the memory this process may use.
  // With `may_copy`, from a packed copy where there is one: the first and the last panel of every matrix and
  // all vectors are still made and compared. Then all functions may throw StaleCopy.
  WeightLoader(const Source& source, const Semantics& semantics, const Loading& loading, bool may_copy);

  const Source& source() const { return source_; }

  // Maps a row of the file's tensor to its output in the packed matrix.
  using RowOrder = std::function<int(int row)>;

  // Tensors by GGUF's names. [outputs, depth], packed; rows in the file's order unless `order` says
  // otherwise. Throws Error(corrupt_file) when the tensor is absent or has another shape.
  kernels::PackedMatrix matrix(const std::string& name, int outputs, int depth, const RowOrder& order = {});
  // Rows [first_row, first_row + outputs) of a tensor [rows, depth].
  kernels::PackedMatrix matrix_rows(const std::string& name, int rows, int first_row, int outputs, int depth);
  // [n] as f32, rounded as weights are in the dtype.
  std::span<const float> vector(const std::string& name, int n, const RowOrder& order = {});
  // 1 + w [n] in f32, w rounded: norm weights of a family whose files hold w (Hugging Face) or 1 + w (GGUF).
  std::span<const float> vector_plus_one(const std::string& name, int n);
  bool has(const std::string& name) const { return source_.find(name) != nullptr; }

  // The tensor has no influence here.
  void ignore(const std::string& name) { used_.insert(source_.own_name(name)); }
  // Error(unsupported) naming a tensor that nothing has asked for: leaving one out would be another model.
  void check_all_used() const;
  std::string type_summary() const;  // "Q4_1 ×210, F32 ×61"
  std::uint64_t parameters() const { return parameters_; }
  // All weights, once all have been asked for; keeps a copy where one is wanted.
  Arena take_memory();

 private:
  TensorType stored_type(const formats::Tensor& tensor) const;  // after Semantics::quantize
  TensorType packed_type(const formats::Tensor& tensor) const;
  void pack(const formats::Tensor& tensor, int first_row, int rows, int first_output,
            const kernels::PackedMatrix& target, std::byte* data) const;
  void pack_all(const formats::Tensor& tensor, int first_row, const RowOrder& order,
                const kernels::PackedMatrix& target, std::byte* data);
  kernels::PackedMatrix fill_matrix(const formats::Tensor& tensor, int first_row, int outputs, int depth,
                                    const RowOrder& order);
  void check_panel(const formats::Tensor& tensor, int first_row, const kernels::PackedMatrix& copied,
                   int panel, const RowOrder& order) const;
  std::span<const float> fill_vector(std::span<const float> values);
  std::byte* take(std::size_t bytes);
  float round(float value) const;
  std::vector<float> values_of_vector(const std::string& name, int n);
  void finished(const formats::Tensor& tensor, std::uint64_t values);

  const Source& source_;
  DType dtype_;
  Quantize quantize_;
  const Loading& loading_;
  ThreadPool pool_;
  Arena memory_;
  bool copied_ = false;  // memory_ holds the weights already
  std::set<std::string> used_;
  std::uint64_t parameters_ = 0;
  std::uint64_t values_total_ = 0;
};

}  // namespace isobatch::model
