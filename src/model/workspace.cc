#include "model/workspace.h"

namespace isobatch::model {

const kernels::QuantizedRows& QuantizedBuffer::resize(int rows, int depth, bool half_sums,
                                                      kernels::QuantForm form) {
  view_.rows = rows;
  view_.depth = depth;
  view_.form = form;
  const std::size_t blocks = static_cast<std::size_t>(rows) * view_.blocks();
  if (sums_.size() < blocks) {
    values_.resize(blocks * kernels::kBlockBytes);  // no form takes more
    sums_.resize(blocks);
    scaled_sums_.resize(blocks);
    scales_.resize(blocks);  // groups need no more
  }
  if (half_sums && half_sums_.size() < 2 * blocks) half_sums_.resize(2 * blocks);
  view_.half_sums = half_sums ? half_sums_.data() : nullptr;
  const bool pair_products = form == kernels::QuantForm::paired_words;
  if (pair_products && pair_products_.size() < 2 * blocks) pair_products_.resize(2 * blocks);
  view_.pair_products = pair_products ? pair_products_.data() : nullptr;
  view_.values = values_.data();
  view_.scales = scales_.data();
  view_.sums = sums_.data();
  view_.scaled_sums = scaled_sums_.data();
  return view_;
}

void WorkspaceDeleter::operator()(Workspace* workspace) const { delete workspace; }

std::unique_ptr<Workspace, WorkspaceDeleter> make_workspace() {
  return std::unique_ptr<Workspace, WorkspaceDeleter>(new Workspace);
}

}  // namespace isobatch::model
