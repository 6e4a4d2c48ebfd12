#include "base/memory.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>

namespace isobatch {
namespace {

// A limit file holds a count of bytes or "max"; SIZE_MAX when it is absent.
std::size_t read_limit(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string text;
  std::uint64_t bytes = SIZE_MAX;
  if (file >> text) std::from_chars(text.data(), text.data() + text.size(), bytes);
  return bytes;
}

// The least limit of the group at mount/group and of all groups above it. In a container the path may be that
// of the host and not exist here; then the mount itself is the container's group.
std::size_t least_limit(const std::filesystem::path& mount, std::string_view group, const char* name) {
  std::size_t limit = read_limit(mount / name);
  std::filesystem::path path = mount;
  for (const std::filesystem::path& part : std::filesystem::path(group).relative_path()) {
    path /= part;
    limit = std::min(limit, read_limit(path / name));
  }
  return limit;
}

bool has_item(std::string_view comma_list, std::string_view item) {
  while (true) {
    const std::size_t end = std::min(comma_list.find(','), comma_list.size());
    if (comma_list.substr(0, end) == item) return true;
    if (end == comma_list.size()) return false;
    comma_list.remove_prefix(end + 1);
  }
}

}  // namespace

std::size_t cgroup_memory_limit(std::string_view membership, const std::filesystem::path& root) {
  std::size_t limit = SIZE_MAX;
  while (!membership.empty()) {  // a line is "hierarchy:controllers:path"
    const std::size_t end = std::min(membership.find('\n'), membership.size());
    const std::string_view line = membership.substr(0, end);
    membership.remove_prefix(std::min(end + 1, membership.size()));
    const std::size_t first = line.find(':');
    const std::size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const std::string_view group = line.substr(second + 1);
    if (controllers.empty()) limit = std::min(limit, least_limit(root, group, "memory.max"));
    if (has_item(controllers, "memory")) {
      limit = std::min(limit, least_limit(root / "memory", group, "memory.limit_in_bytes"));
    }
  }
  return limit;
}

std::size_t memory_limit() {
  const std::size_t physical =
      static_cast<std::size_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::ifstream file("/proc/self/cgroup");
  const std::string membership{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::size_t limit = std::min(physical, cgroup_memory_limit(membership, "/sys/fs/cgroup"));
  rlimit address_space;
  if (::getrlimit(RLIMIT_AS, &address_space) == 0 && address_space.rlim_cur != RLIM_INFINITY) {
    limit = std::min(limit, static_cast<std::size_t>(address_space.rlim_cur));
  }
  return limit;
}

std::size_t peak_resident_bytes() {
  rusage usage;
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;  // Linux counts in KiB
}

}  // namespace isobatch
