#include "server/control/function_table.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "server/base/errors.h"
#include "server/base/unique_fd.h"
#include "server/elf/elf_file.h"
#include "server/elf/pclntab.h"
#include "server/profile/handler_sites.h"
#include "server/profile/resolver.h"

namespace uprobed::control {
namespace {

absl::Status Unavailable(std::string_view cause) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "HANDLER_FUNCTION_UNAVAILABLE",
                   fmt::format("the functions that serve requests cannot be named: {}; all else is "
                               "observed, take handler_function back to make the probe active",
                               cause));
}

}  // namespace

absl::StatusOr<std::shared_ptr<const span::FunctionNames>> ReadFunctionTable(
    int fd, const profile::BinaryIdentity& identity) {
  UniqueFd copy(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy.valid()) return MakeErrnoError(errno, "ATTACH_FAILED", "cannot keep the binary open");
  const absl::StatusOr<elf::ElfFile> file = elf::ElfFile::FromFd(std::move(copy), "the binary");
  if (!file.ok()) return Unavailable(MessageOf(file.status()));
  ASSIGN_OR_RETURN(const profile::BinaryIdentity found, profile::ReadIdentity(*file));
  if (found != identity) return Unavailable("the binary has been written to meanwhile");
  // Not the symbol table, which names instances of generic functions otherwise and may be stripped.
  const absl::StatusOr<elf::Pclntab> table = elf::Pclntab::Find(*file);
  if (!table.ok()) return Unavailable(MessageOf(table.status()));
  auto names = std::make_shared<span::FunctionNames>();
  for (uint64_t i = 0; i < table->count(); ++i) {
    const auto function = table->At(i);
    if (function && !names->Add(function->address, function->name)) {
      return Unavailable(
          fmt::format("its table of functions is out of order, or takes more than {} "
                      "bytes",
                      span::FunctionNames::kMaxBytes));
    }
  }
  names->ShrinkToFit();
  return names;
}

void ReadFunctions(AttachedBinary& binary) {
  binary.function_names.reset();
  binary.function_error = absl::OkStatus();
  if (!binary.handler_function || !profile::KnowsHandlers(binary.profile)) return;
  auto names = ReadFunctionTable(binary.fd.get(), binary.profile.identity);
  if (names.ok()) {
    binary.function_names = *std::move(names);
  } else {
    binary.function_error = names.status();
  }
}

}  // namespace uprobed::control
