#ifndef UPROBED_SERVER_ELF_ARCHITECTURE_H_
#define UPROBED_SERVER_ELF_ARCHITECTURE_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace uprobed::elf {

// The architectures whose binaries are read.
enum class Architecture : uint8_t { kAmd64, kArm64 };

// As Go calls it (GOARCH): "amd64", "arm64".
constexpr std::string_view Name(Architecture architecture) {
  return architecture == Architecture::kAmd64 ? "amd64" : "arm64";
}

constexpr std::optional<Architecture> ArchitectureFromName(std::string_view name) {
  for (const Architecture known : {Architecture::kAmd64, Architecture::kArm64}) {
    if (Name(known) == name) return known;
  }
  return std::nullopt;
}

// What this program was built for, and its BPF programs with it.
#if defined(__x86_64__)
inline constexpr Architecture kHostArchitecture = Architecture::kAmd64;
#elif defined(__aarch64__)
inline constexpr Architecture kHostArchitecture = Architecture::kArm64;
#else
#error "uprobed runs on x86-64 and arm64 only"
#endif

}  // namespace uprobed::elf

#endif  // UPROBED_SERVER_ELF_ARCHITECTURE_H_
