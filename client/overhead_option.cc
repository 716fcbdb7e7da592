#include "client/overhead_option.h"

#include "absl/status/statusor.h"
#include "client/parse.h"

namespace uprobed::client {

void AddMaxOverheadOption(CLI::App& command, std::string& max_overhead) {
  command.add_option("--max-overhead", max_overhead,
                     "What its hits may cost: 1%, 0.01 (of one CPU, the default) or unlimited; a "
                     "probe that costs more does less by itself");
}

absl::Status SetMaxOverhead(const std::string& given, v1::ProbeSpec* spec) {
  if (given.empty()) return absl::OkStatus();
  const absl::StatusOr<double> ratio = ParseOverhead(given);
  if (ratio.ok()) spec->set_max_overhead(*ratio);
  return ratio.status();
}

}  // namespace uprobed::client
