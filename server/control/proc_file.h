#ifndef UPROBED_SERVER_CONTROL_PROC_FILE_H_
#define UPROBED_SERVER_CONTROL_PROC_FILE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace uprobed::control {

// Reading /proc, where files have no size and vanish at any time.

// "/proc/<pid>/<name>".
std::string ProcPath(const std::string& proc_root, uint32_t pid, std::string_view name);

// The whole file, or its first `max_bytes`; nullopt where it cannot be read.
std::optional<std::string> ReadSmallFile(const std::string& path, size_t max_bytes = 1 << 20);

// What a symbolic link says; nullopt where it cannot be read.
std::optional<std::string> ReadLink(const std::string& path);

// The process ids below `proc_root`, ascending.
std::vector<uint32_t> ListPids(const std::string& proc_root);

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_PROC_FILE_H_
