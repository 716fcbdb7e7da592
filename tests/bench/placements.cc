#include "tests/bench/placements.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "server/base/errors.h"
#include "server/elf/elf_file.h"
#include "server/elf/go_functions.h"
#include "server/elf/instructions.h"
#include "server/profile/resolver.h"

namespace uprobed::bench {
namespace {

using profile::SiteKind;

constexpr SiteKind kServerKinds[] = {
    SiteKind::kServerStart,    SiteKind::kServerEnd,       SiteKind::kHttp2ServerStart,
    SiteKind::kHttp2ServerEnd, SiteKind::kGrpcServerStart, SiteKind::kGrpcServerEnd,
};

struct PeerFunction {
  std::string_view name;
  bool entry;
  bool returns;
};

// From the source of OpenTelemetry's eBPF instrumentation (OBI), 2025: what it attaches to in
// net/http and google.golang.org/grpc without propagation of headers. Of other libraries, and where
// a Go release has no such function, there is nothing in these programs.
constexpr PeerFunction kPeerFunctions[] = {
    {"runtime.newproc1", true, true},
    {"runtime.goexit1", true, false},
    {"net.(*netFD).Read", true, false},
    {"net/textproto.(*Reader).readContinuedLineSlice", false, true},
    {"net/http.(*conn).serve", true, true},
    {"net/http.(*conn).readRequest", true, true},
    {"net/http.serverHandler.ServeHTTP", true, true},
    {"net/http.(*response).WriteHeader", true, false},
    {"net/http.(*ServeMux).findHandler", false, true},
    {"net/http.(*Transport).roundTrip", true, true},
    {"net/http.(*persistConn).roundTrip", true, false},
    {"net/http.(*http2serverConn).runHandler", true, false},
    {"net/http.(*http2serverConn).processHeaders", true, false},
    {"net/http.(*http2responseWriterState).writeHeader", true, false},
    {"golang.org/x/net/http2.(*serverConn).runHandler", true, false},
    {"golang.org/x/net/http2.(*serverConn).processHeaders", true, false},
    {"golang.org/x/net/http2.(*responseWriterState).writeHeader", true, false},
    {"google.golang.org/grpc.(*Server).handleStream", true, true},
    {"google.golang.org/grpc/internal/transport.(*http2Server).WriteStatus", true, false},
    {"google.golang.org/grpc/internal/transport.(*http2Server).writeStatus", true, false},
    {"google.golang.org/grpc/internal/transport.(*http2Server).operateHeaders", true, false},
    {"google.golang.org/grpc.(*ClientConn).Invoke", true, true},
    {"google.golang.org/grpc.(*ClientConn).NewStream", true, true},
    {"google.golang.org/grpc.(*clientStream).RecvMsg", false, true},
    {"google.golang.org/grpc.(*clientStream).CloseSend", false, true},
    {"google.golang.org/grpc/internal/transport.(*http2Client).NewStream", true, true},
};

void AddOffset(const elf::ElfFile& file, const elf::Instruction& instruction,
               Placement& placement) {
  const auto offset = file.FileOffset(instruction.address);
  if (!offset.has_value()) return;
  placement.file_offsets.push_back(*offset);
  if (elf::KernelEmulates(instruction.architecture, instruction.bytes)) ++placement.emulated;
}

}  // namespace

absl::StatusOr<Placement> ServerSites(const std::string& path) {
  ASSIGN_OR_RETURN(const elf::ElfFile file, elf::ElfFile::Open(path));
  ASSIGN_OR_RETURN(const profile::BinaryIdentity identity, profile::ReadIdentity(file));
  ASSIGN_OR_RETURN(const profile::Profile profile, profile::Resolve(file, identity));
  Placement placement;
  for (const profile::Site& site : profile.sites) {
    if (std::find(std::begin(kServerKinds), std::end(kServerKinds), site.kind) ==
        std::end(kServerKinds)) {
      continue;
    }
    placement.file_offsets.push_back(site.file_offset);
    if (site.cost == profile::CostClass::kEmulated) ++placement.emulated;
  }
  return placement;
}

absl::StatusOr<Placement> PeerSites(const std::string& path) {
  ASSIGN_OR_RETURN(const elf::ElfFile file, elf::ElfFile::Open(path));
  ASSIGN_OR_RETURN(const elf::GoFunctions functions, elf::GoFunctions::Read(file));
  Placement placement;
  for (const PeerFunction& wanted : kPeerFunctions) {
    const std::vector<elf::GoFunction> found = functions.Find(std::string(wanted.name));
    if (found.empty()) continue;
    ASSIGN_OR_RETURN(const std::vector<elf::Instruction> code,
                     elf::Disassemble(file, found[0].address, found[0].size));
    for (const elf::Instruction& instruction : code) {
      const bool entry = instruction.address == found[0].address;
      const bool returns = instruction.flow == elf::Flow::kReturn;
      if ((entry && wanted.entry) || (returns && wanted.returns)) {
        AddOffset(file, instruction, placement);
      }
    }
  }
  return placement;
}

}  // namespace uprobed::bench
