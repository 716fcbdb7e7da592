#ifndef UPROBED_SERVER_RPC_CONVERT_METRICS_H_
#define UPROBED_SERVER_RPC_CONVERT_METRICS_H_

#include "server/metrics/snapshot.h"
#include "uprobed/v1/telemetry.pb.h"

namespace uprobed::rpc {

void FillFamily(const metrics::FamilySnapshot& from, v1::MetricFamily& to);

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_CONVERT_METRICS_H_
