// The packed weights of a model in a file of their own, mapped the next time instead of packed again.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/arena.h"
#include "isobatch/model.h"

namespace isobatch::model {

class PackedCopy {
 public:
  // A file in `folder`. `identity` says what was packed, and how: it stands in the file, and its hash, after
  // `name`, in the file's name.
  PackedCopy(const std::filesystem::path& folder, const std::string& name, std::string identity);

  // The weights, where the file is there, whole (by its checksum) and of this identity; read-only.
  std::optional<Arena> map() const;
  // Makes the file, or none at all. Throws Error(io) with the path.
  void write(Arena& weights) const;

 private:
  std::filesystem::path path_;
  std::string identity_;
};

// Thrown by WeightLoader: the copy does not hold what packing gives. It is of another build, or two files
// had one identity.
struct StaleCopy {};

}  // namespace isobatch::model
