#ifndef UPROBED_SERVER_METRICS_EXPORTER_H_
#define UPROBED_SERVER_METRICS_EXPORTER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "prometheus/collectable.h"

namespace prometheus {
class Exposer;
}

namespace uprobed::metrics {

// Serves metrics over HTTP at /metrics, for Prometheus, on threads of its own. Destroying it closes
// the port and ends the threads.
class Exporter {
 public:
  // `address` is "ip:port" or "[ipv6]:port"; port 0 takes a free one. Each scrape collects
  // `collectables`, from another thread, as long as the exporter lives.
  // INVALID_ARGUMENT METRICS_ADDRESS_INVALID; UNAVAILABLE METRICS_ADDRESS_IN_USE where the address
  // cannot be bound.
  static absl::StatusOr<std::unique_ptr<Exporter>> Start(
      const std::string& address,
      std::vector<std::shared_ptr<prometheus::Collectable>> collectables);
  ~Exporter();
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;

  uint16_t port() const;  // the one bound

 private:
  Exporter(std::unique_ptr<prometheus::Exposer> exposer,
           std::vector<std::shared_ptr<prometheus::Collectable>> collectables);

  // The exposer holds weak pointers to these; it is destroyed first.
  const std::vector<std::shared_ptr<prometheus::Collectable>> collectables_;
  const std::unique_ptr<prometheus::Exposer> exposer_;
};

}  // namespace uprobed::metrics

#endif  // UPROBED_SERVER_METRICS_EXPORTER_H_
