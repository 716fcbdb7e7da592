#ifndef UPROBED_SERVER_PROBE_SITE_PROGRAM_H_
#define UPROBED_SERVER_PROBE_SITE_PROGRAM_H_

#include <cstddef>

#include "bpf/abi/counters.h"
#include "server/profile/profile.h"

namespace uprobed::probe {

// Programs that are loaded together: the kernel verifies each instruction on each way through it,
// so that what nobody asks for is not loaded.
enum class ProgramGroup {
  kHttp,       // what each attachment needs
  kResponses,  // first bytes of responses, and their bodies
  kHandlers,   // routes and functions that serve requests
  kGrpc,
  kHandoffs,   // work that goes from one goroutine to another
  kInjection,  // these write into the memory of what they observe
};

inline constexpr size_t kProgramGroups = static_cast<size_t>(ProgramGroup::kInjection) + 1;

// The program of a kind of site, as bpf/uprobed.bpf.c calls it.
struct SiteProgram {
  const char* name;  // nullptr for kinds that are never probed
  ProgramGroup group;
  up_counter hits;  // that it counts each of its hits in
};

SiteProgram ProgramOf(profile::SiteKind kind);

}  // namespace uprobed::probe

#endif  // UPROBED_SERVER_PROBE_SITE_PROGRAM_H_
