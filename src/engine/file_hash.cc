#include "engine/file_hash.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <fstream>
#include <memory>
#include <vector>

#include "isobatch/error.h"

namespace isobatch::engine {

std::string sha256_of_file(const std::filesystem::path& path) {
  const auto fail = [&](const char* what) -> Error {
    return Error(ErrorCode::io, fmt::format("{}: {} for the fingerprint", path.string(), what));
  };
  std::ifstream file(path, std::ios::binary);
  if (!file) throw fail("cannot be opened");
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (!context || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1)
    throw fail("SHA-256 is not available");
  std::vector<char> buffer(1 << 20);
  while (file) {
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    if (EVP_DigestUpdate(context.get(), buffer.data(), static_cast<std::size_t>(file.gcount())) != 1) {
      throw fail("SHA-256 failed");
    }
  }
  if (!file.eof()) throw fail("cannot be read");
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_DigestFinal_ex(context.get(), hash, &size) != 1) throw fail("SHA-256 failed");
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) hex += fmt::format("{:02x}", hash[i]);
  return hex;
}

}  // namespace isobatch::engine
