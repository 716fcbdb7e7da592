#ifndef UPROBED_SERVER_RPC_CONVERT_PROBE_STATUS_H_
#define UPROBED_SERVER_RPC_CONVERT_PROBE_STATUS_H_

#include "server/control/probe.h"
#include "uprobed/v1/probe.pb.h"

namespace uprobed::rpc {

// All but the path of the binary, which is part of the wish.
void FillStatus(const control::ProbeStatus& from, v1::ProbeStatus& to);

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_CONVERT_PROBE_STATUS_H_
