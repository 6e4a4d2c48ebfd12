// One forward pass over ragged rows. A family implements Transformer in one file that reads like its paper.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/thread_pool.h"
#include "formats/model_file.h"
#include "isobatch/model.h"
#include "isobatch/options.h"
#include "kernels/kernels.h"
#include "model/profile.h"

namespace isobatch::model {

// Consecutive positions of one request.
struct Segment {
  int first_row = 0;
  int rows = 0;
  int first_position = 0;
  std::span<const std::int32_t> pages;  // page indices from position 0 on; cover first_position + rows
};

// What one step computes: rows of all requests side by side, no padding.
struct Step {
  std::span<const TokenId> tokens;            // [rows]
  std::span<const std::int32_t> positions;    // [rows]
  std::span<const Segment> segments;          // in the order of their rows
  std::span<const std::int32_t> logits_rows;  // ascending rows whose logits are wanted
};

// The KV pool's memory, seen by the model: page i starts at base + i · layout.page_bytes().
struct KvMemory {
  std::byte* base = nullptr;
  kernels::KvLayout layout;
};

// Buffers of a forward pass; grows on demand, one per engine.
class Workspace;
struct WorkspaceDeleter {
  void operator()(Workspace* workspace) const;
};

// In dtype f16: the first operation on a row's way to its logits with a result that is inf or NaN.
struct Overflow {
  const char* operation = nullptr;  // null: none
  int layer = -1;                   // -1: outside the layers
};

// Sees the results of operations as they are made, in the stepping thread.
class Observer {
 public:
  virtual ~Observer() = default;
  // results [rows][width] of all rows of the step; behind the layers, of those whose logits are wanted.
  // Operations have the names of Overflow::operation; `layer` as there.
  virtual void see(std::string_view operation, int layer, const float* results, int rows, int width) = 0;
};

struct Execution {
  const kernels::KernelTable& kernels;
  ThreadPool& threads;
  Workspace& workspace;
  Profile* profile = nullptr;
  std::span<Overflow> overflows = {};  // [logits_rows], filled in dtype f16; or empty
  Observer* observer = nullptr;
};

class Transformer {
 public:
  virtual ~Transformer() = default;
  virtual const ModelInfo& info() const = 0;
  virtual kernels::KvLayout kv_layout(KvDType dtype, int page_size) const = 0;
  // logits [logits_rows.size()][vocab_size]. K and V of all rows are stored before any row attends.
  virtual void forward(const Step& step, const KvMemory& kv, const Execution& execution,
                       float* logits) const = 0;
};

std::unique_ptr<Workspace, WorkspaceDeleter> make_workspace();

// Tokens that the file's model has embeddings for. Throws Error(corrupt_file).
int vocabulary_size(const formats::ModelFile& file);

class PackedCopy;

// How a model is loaded; nothing here can move a bit.
struct Loading {
  Model::Progress progress;
  const PackedCopy* copy = nullptr;  // instead of packing, where there is one; else made
};

// Builds the family that the file's metadata names; Error(unsupported) names any other. `semantics` is
// resolved in place: context and kv_dtype get their defaults.
std::unique_ptr<Transformer> load_transformer(const formats::ModelFile& file, Semantics& semantics,
                                              const Loading& loading);

}  // namespace isobatch::model
