#include "server/control/proc_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <filesystem>
#include <system_error>

#include "server/base/unique_fd.h"

namespace uprobed::control {

std::string ProcPath(const std::string& proc_root, uint32_t pid, std::string_view name) {
  return fmt::format("{}/{}/{}", proc_root, pid, name);
}

std::optional<std::string> ReadSmallFile(const std::string& path, size_t max_bytes) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return std::nullopt;
  std::string content;
  char buffer[16384];
  while (content.size() < max_bytes) {
    const ssize_t got =
        read(fd.get(), buffer, std::min(sizeof(buffer), max_bytes - content.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    content.append(buffer, static_cast<size_t>(got));
  }
  return content;
}

std::optional<std::string> ReadLink(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t length = readlink(path.c_str(), target, sizeof(target));
  if (length < 0) return std::nullopt;
  return std::string(target, static_cast<size_t>(length));
}

std::vector<uint32_t> ListPids(const std::string& proc_root) {
  std::vector<uint32_t> pids;
  std::error_code error;
  std::filesystem::directory_iterator entry(proc_root, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    uint32_t pid = 0;
    const char* const end = name.data() + name.size();
    const auto parsed = std::from_chars(name.data(), end, pid);
    if (parsed.ec == std::errc() && parsed.ptr == end) pids.push_back(pid);
  }
  std::sort(pids.begin(), pids.end());
  return pids;
}

}  // namespace uprobed::control
