#ifndef UPROBED_SERVER_CONTROL_NODE_H_
#define UPROBED_SERVER_CONTROL_NODE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "server/probe/probe_backend.h"

namespace uprobed::control {

struct Condition {
  std::string type;  // "KernelReady", "StoreReady", "Reconciled"
  bool ok = false;
  std::string reason;   // stable: "KERNEL_FEATURE_MISSING"; empty when ok
  std::string message;  // what to do
};

struct NodeInfo {
  std::string version;  // of the daemon
  std::string kernel_release;
  std::string architecture;
  std::string hostname;
  std::string boot_id;
  std::string libbpf_version;
  std::string sqlite_version;
  int store_schema_version = 0;
  int64_t start_time_unix_ns = 0;
  std::vector<probe::Feature> features;
  std::vector<Condition> conditions;
};

// One check of `doctor`, with the way out where it fails.
struct DiagnosticResult {
  enum class Verdict : uint8_t { kPass, kWarning, kFail };
  std::string check;
  Verdict verdict = Verdict::kPass;
  std::string message;
  std::string remedy;  // empty when passed
};

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_NODE_H_
