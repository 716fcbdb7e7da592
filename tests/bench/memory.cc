#include "tests/bench/memory.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <string>
#include <system_error>

namespace uprobed::bench {

namespace {

constexpr double kKibInMib = 1024;

// A map may have several descriptors.
double ReadBpfMaps(pid_t pid) {
  std::map<std::string, double> bytes;  // by id
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(fmt::format("/proc/{}/fdinfo", pid), error)) {
    std::ifstream lines(entry.path());
    double memlock = 0;
    for (std::string key, value; lines >> key && std::getline(lines >> std::ws, value);) {
      if (key == "memlock:") memlock = std::stod(value);
      if (key == "map_id:") bytes[value] = memlock;
    }
  }
  double sum = 0;
  for (const auto& [id, of_map] : bytes) sum += of_map;
  return sum / kKibInMib / kKibInMib;
}

}  // namespace

Memory ReadMemory(pid_t pid) {
  Memory memory{.bpf_maps = ReadBpfMaps(pid)};
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string key; status >> key;) {
    double* const value = key == "VmRSS:"      ? &memory.rss
                          : key == "RssAnon:"  ? &memory.anonymous
                          : key == "RssFile:"  ? &memory.file
                          : key == "RssShmem:" ? &memory.shared
                                               : nullptr;
    if (value != nullptr) {
      status >> *value;
      *value /= kKibInMib;
    }
    status.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return memory;
}

}  // namespace uprobed::bench
