#ifndef UPROBED_SERVER_CONFIG_H_
#define UPROBED_SERVER_CONFIG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace uprobed {

// What the daemon was told on its command line, in its environment (UPROBED_*) or in its
// configuration file, in that order of precedence. Validated once.
struct Config {
  std::string socket_path = "/run/uprobed/uprobed.sock";
  std::string socket_group;  // empty: the daemon's own
  std::string tcp_address;   // empty: no TCP
  std::string tls_certificate;
  std::string tls_key;
  std::string tls_client_ca;  // not empty: clients must present a certificate
  std::string database_path = "/var/lib/uprobed/state.db";
  std::string metrics_address = "127.0.0.1:9464";  // "off": no endpoint
  uint32_t ring_bytes = 4U << 20;                  // a power of two and of pages
  uint32_t span_delay_ms = 10;              // spans are gathered so long before they are read
  uint32_t max_series = 2000;               // per metric family
  uint32_t topology_max_edges = 10000;      // the overflow edge comes on top
  uint32_t topology_window_seconds = 3600;  // after it an edge that was not seen is dropped
  bool perf_events = false;                 // never use uprobe_multi
  std::string log_level = "info";
  std::string log_format = "text";
};

// The configuration, or the exit code to end with (0 after --help and --version, 2 after a usage
// error, which has been told).
std::variant<Config, int> ParseConfig(int argc, char** argv);

}  // namespace uprobed

#endif  // UPROBED_SERVER_CONFIG_H_
