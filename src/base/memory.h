// How much memory this process may use, and has used.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace isobatch {

// Bytes: the least of the machine's memory, the memory limits of the process's cgroup and of its ancestors
// (v2 and v1), and RLIMIT_AS.
std::size_t memory_limit();

// The most bytes of memory that this process has had resident; 0 when the system does not tell.
std::size_t peak_resident_bytes();

// The cgroup part of memory_limit(): `membership` is the text of /proc/self/cgroup, `root` is where the
// cgroup file systems are mounted. SIZE_MAX without a limit.
std::size_t cgroup_memory_limit(std::string_view membership, const std::filesystem::path& root);

}  // namespace isobatch
