#ifndef UPROBED_SERVER_PROBE_PROFILE_SLOT_H_
#define UPROBED_SERVER_PROBE_PROFILE_SLOT_H_

#include "bpf/abi/profile_slot.h"
#include "server/probe/probe_backend.h"
#include "server/profile/profile.h"

namespace uprobed::probe {

// What the BPF programs must know of a binary.
up_profile_slot MakeProfileSlot(const profile::Profile& profile, const AttachOptions& options);

}  // namespace uprobed::probe

#endif  // UPROBED_SERVER_PROBE_PROFILE_SLOT_H_
