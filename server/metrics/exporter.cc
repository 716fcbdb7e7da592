#include "server/metrics/exporter.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <charconv>
#include <cstddef>
#include <exception>
#include <string_view>
#include <utility>

#include "fmt/format.h"
#include "prometheus/exposer.h"
#include "server/base/errors.h"

namespace uprobed::metrics {
namespace {

bool IsPort(std::string_view text) {
  uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [parsed_to, error] = std::from_chars(text.data(), end, port);
  return error == std::errc() && parsed_to == end;
}

bool IsIpAddress(int family, std::string_view text) {
  in6_addr parsed{};  // the larger of the two
  return inet_pton(family, std::string(text).c_str(), &parsed) == 1;
}

// The web server would take more: a lone port is every interface, a list is several, a suffix is
// TLS.
absl::Status CheckAddress(const std::string& address) {
  const std::string_view view = address;
  const size_t colon = view.rfind(':');
  if (colon != std::string_view::npos && IsPort(view.substr(colon + 1))) {
    const std::string_view host = view.substr(0, colon);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed ? IsIpAddress(AF_INET6, host.substr(1, host.size() - 2))
                  : IsIpAddress(AF_INET, host)) {
      return absl::OkStatus();
    }
  }
  return MakeError(absl::StatusCode::kInvalidArgument, "METRICS_ADDRESS_INVALID",
                   fmt::format("\"{}\" is no address for metrics; give an IP address and a port, "
                               "such as 127.0.0.1:9464 or [::1]:9464",
                               address),
                   {{"address", address}});
}

}  // namespace

absl::StatusOr<std::unique_ptr<Exporter>> Exporter::Start(
    const std::string& address,
    std::vector<std::shared_ptr<prometheus::Collectable>> collectables) {
  RETURN_IF_ERROR(CheckAddress(address));
  try {
    auto exposer = std::make_unique<prometheus::Exposer>(address);
    for (const auto& collectable : collectables) exposer->RegisterCollectable(collectable);
    return std::unique_ptr<Exporter>(new Exporter(std::move(exposer), std::move(collectables)));
  } catch (const std::exception& error) {
    return MakeError(absl::StatusCode::kUnavailable, "METRICS_ADDRESS_IN_USE",
                     fmt::format("cannot serve metrics on {} ({}); stop what listens there or "
                                 "choose another address",
                                 address, error.what()),
                     {{"address", address}});
  }
}

Exporter::Exporter(std::unique_ptr<prometheus::Exposer> exposer,
                   std::vector<std::shared_ptr<prometheus::Collectable>> collectables)
    : collectables_(std::move(collectables)), exposer_(std::move(exposer)) {}

Exporter::~Exporter() = default;

uint16_t Exporter::port() const {
  return static_cast<uint16_t>(exposer_->GetListeningPorts().front());
}

}  // namespace uprobed::metrics
