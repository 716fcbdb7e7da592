#include "tests/bench/memory.h"

#include <fmt/format.h>

#include <fstream>
#include <limits>
#include <string>

namespace uprobed::bench {

Memory ReadMemory(pid_t pid) {
  Memory memory;
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string key; status >> key;) {
    double* const value = key == "VmRSS:"      ? &memory.rss
                          : key == "RssAnon:"  ? &memory.anonymous
                          : key == "RssFile:"  ? &memory.file
                          : key == "RssShmem:" ? &memory.shared
                                               : nullptr;
    if (value != nullptr) {
      constexpr double kKibInMib = 1024;
      status >> *value;
      *value /= kKibInMib;
    }
    status.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return memory;
}

}  // namespace uprobed::bench
