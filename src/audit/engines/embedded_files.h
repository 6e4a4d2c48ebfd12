// The Python adapters and the lists of packages that they need: python/ of the source folder, in this binary.
#pragma once

#include <span>
#include <string_view>

namespace isobatch::audit {

struct EmbeddedFile {
  std::string_view name;  // "isobatch_audit/hf.py"
  std::string_view content;
};

std::span<const EmbeddedFile> embedded_files();
std::string_view embedded_hash();  // 16 hex digits over names and contents

}  // namespace isobatch::audit
