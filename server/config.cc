#include "server/config.h"

#include <CLI/CLI.hpp>

#include <bit>

namespace uprobed {
namespace {

constexpr int kUsageError = 2;
constexpr uint32_t kPageSize = 4096;

// BPF_MAP_TYPE_RINGBUF: "max_entries" must be a power of two and a multiple of the page size.
std::string CheckRingBytes(const std::string& text) {
  const unsigned long bytes = std::strtoul(text.c_str(), nullptr, 10);
  if (bytes >= kPageSize && bytes <= (1UL << 30) && std::has_single_bit(bytes)) return "";
  return "must be a power of two between 4096 and 1073741824";
}

void AddOptions(CLI::App& app, Config& config) {
  app.add_option("--socket", config.socket_path, "Unix socket of the API")
      ->envname("UPROBED_SOCKET")
      ->capture_default_str();
  app.add_option("--socket-group", config.socket_group, "Group that may use the socket")
      ->envname("UPROBED_SOCKET_GROUP");
  app.add_option("--tcp-address", config.tcp_address,
                 "Also listen on HOST:PORT; beyond loopback only with TLS")
      ->envname("UPROBED_TCP_ADDRESS");
  auto* certificate = app.add_option("--tls-cert", config.tls_certificate,
                                     "PEM certificate chain for --tcp-address");
  auto* key = app.add_option("--tls-key", config.tls_key, "PEM key for --tls-cert");
  certificate->needs(key);
  key->needs(certificate);
  app.add_option("--tls-client-ca", config.tls_client_ca,
                 "PEM certificates that clients must be signed by")
      ->needs(certificate);
  app.add_option("--database", config.database_path, "SQLite file of profiles and probes")
      ->envname("UPROBED_DATABASE")
      ->capture_default_str();
  app.add_option("--metrics-address", config.metrics_address,
                 "HOST:PORT of the Prometheus endpoint, or \"off\"")
      ->envname("UPROBED_METRICS_ADDRESS")
      ->capture_default_str();
  app.add_option("--ring-bytes", config.ring_bytes, "Size of the kernel's event buffer")
      ->envname("UPROBED_RING_BYTES")
      ->check(CheckRingBytes)
      ->capture_default_str();
  app.add_option("--span-delay-ms", config.span_delay_ms,
                 "How long a span may wait for others before all are read at once")
      ->check(CLI::Range(0U, 1000U))
      ->capture_default_str();
  app.add_option("--max-series", config.max_series, "Time series per metric family at most")
      ->check(CLI::Range(1U, 1000000U))
      ->capture_default_str();
  app.add_option("--topology-max-edges", config.topology_max_edges, "Edges of the topology at most")
      ->check(CLI::Range(1U, 1000000U))
      ->capture_default_str();
  app.add_option("--topology-window-seconds", config.topology_window_seconds,
                 "An edge of the topology that was not seen for so long is dropped")
      ->check(CLI::Range(1U, 31536000U))
      ->capture_default_str();
  app.add_flag("--perf-events", config.perf_events,
               "Attach through perf events even where the kernel has uprobe_multi links");
  app.add_option("--log-level", config.log_level, "trace, debug, info, warn, error or off")
      ->envname("UPROBED_LOG_LEVEL")
      ->capture_default_str();
  app.add_option("--log-format", config.log_format, "text or json")
      ->envname("UPROBED_LOG_FORMAT")
      ->capture_default_str();
}

}  // namespace

std::variant<Config, int> ParseConfig(int argc, char** argv) {
  Config config;
  CLI::App app{
      "uprobed: sees the HTTP requests of running Go programs, commanded over gRPC by uprobectl"};
  app.set_version_flag("--version", "uprobed " UPROBED_VERSION);
  app.set_config("--config", "", "Configuration file (TOML): the options below without dashes");
  AddOptions(app, config);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsageError;
  }
  return config;
}

}  // namespace uprobed
