#ifndef UPROBED_SERVER_ELF_GO_BUILD_INFO_H_
#define UPROBED_SERVER_ELF_GO_BUILD_INFO_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "server/elf/elf_file.h"

namespace uprobed::elf {

// What the Go linker left in .go.buildinfo (debug/buildinfo, Go 1.18 and later: inline strings;
// before: pointers to strings).
struct GoBuildInfo {
  std::string go_version;    // "go1.24.12"
  std::string main_package;  // "path" line
  std::string main_module;   // "mod" line
  // "dep" lines: version by module path. Of a module that is replaced by another module or by a
  // directory it is "other/module@v1.2.3" or "../directory@(devel)", which is no version of the
  // module.
  std::map<std::string, std::string> modules;
  std::map<std::string, std::string> settings;  // "build" lines: "GOEXPERIMENT", "-ldflags"
};

// FAILED_PRECONDITION BINARY_NOT_GO where there is no build info, BUILD_INFO_MALFORMED where it is
// damaged.
absl::StatusOr<GoBuildInfo> ReadGoBuildInfo(const ElfFile& file);

}  // namespace uprobed::elf

#endif  // UPROBED_SERVER_ELF_GO_BUILD_INFO_H_
