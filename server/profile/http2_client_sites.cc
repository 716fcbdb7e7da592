#include "server/profile/http2_client_sites.h"

#include <algorithm>
#include <array>
#include <optional>

#include "fmt/format.h"
#include "server/profile/fields.h"
#include "server/profile/http2_names.h"
#include "server/profile/prologue.h"
#include "server/profile/site_code.h"

namespace uprobed::profile {
namespace {

// Which of the methods of ClientConn starts the goroutine that makes the request; the others call
// it (src/net/http/h2_bundle.go; golang.org/x/net/http2/transport.go).
constexpr std::array<std::string_view, 3> kRoundTripMethods = {"internalRoundTrip", "roundTrip",
                                                               "RoundTrip"};
constexpr char kStartGoroutine[] = "runtime.newproc";
constexpr std::string_view kWriteHeadersMethod = "writeHeaders";
constexpr char kFlush[] = "bufio.(*Writer).Flush";

std::string MethodOf(const Http2Names& names, std::string_view method) {
  return fmt::format("{}.{}", names.client_connection, method);
}

bool KnowsConnectionsOf(const Http2Names& names, const std::map<std::string, FieldOffset>& fields) {
  const auto own = AllFields().subspan(
      UP_FIELD_HTTP2_BUNDLED_STATE_STREAM + names.implementation * UP_HTTP2_CONNECTION_FIELDS,
      UP_HTTP2_CONNECTION_FIELDS);
  return std::all_of(own.begin(), own.end(), [&fields](const FieldSpec& field) {
    return field.instrumentation != Instrumentation::kHttpClient ||
           fields.contains(FieldKey(field));
  });
}

absl::StatusOr<std::vector<Site>> FindAttempt(const elf::ElfFile& file,
                                              const elf::GoFunctions& functions, CallAbi abi,
                                              const Http2Names& names) {
  for (const std::string_view method : kRoundTripMethods) {
    const std::string function = MethodOf(names, method);
    const absl::StatusOr<ControlFlow> flow = ReadFunction(file, functions, function);
    if (!flow.ok()) {
      if (absl::IsFailedPrecondition(flow.status())) continue;
      return flow.status();
    }
    if (flow->CallsTo(kStartGoroutine).empty()) continue;
    return SiteInPrologue(file, functions, function, SiteKind::kHttp2ClientAttempt, abi);
  }
  return std::vector<Site>();
}

absl::StatusOr<std::vector<Site>> FindHeaders(const elf::ElfFile& file,
                                              const elf::GoFunctions& functions, CallAbi abi,
                                              const Http2Names& names) {
  const absl::StatusOr<ControlFlow> flow =
      ReadFunction(file, functions, MethodOf(names, kWriteHeadersMethod));
  if (!flow.ok()) {
    if (absl::IsFailedPrecondition(flow.status())) return std::vector<Site>();
    return flow.status();
  }
  const std::vector<size_t> calls = flow->CallsTo(kFlush);
  if (calls.size() != 1) return std::vector<Site>();
  constexpr SiteKind kKind = SiteKind::kHttp2ClientHeaders;
  return MakeSites(file, *flow, {{kKind, calls.front(), false, ArgumentsOf(kKind, abi)}});
}

}  // namespace

bool IsHttp2ClientSite(SiteKind kind) {
  return kind == SiteKind::kHttp2ClientAttempt || kind == SiteKind::kHttp2ClientStream ||
         kind == SiteKind::kHttp2ClientHeaders;
}

bool Http2ClientSiteLiesIn(SiteKind kind, std::string_view function) {
  const Http2Names* names = Http2NamesWith(function);
  if (names == nullptr) return false;
  if (kind == SiteKind::kHttp2ClientStream) return function == names->encode_headers_function;
  if (kind == SiteKind::kHttp2ClientHeaders) {
    return function == MethodOf(*names, kWriteHeadersMethod);
  }
  return std::any_of(kRoundTripMethods.begin(), kRoundTripMethods.end(),
                     [&](std::string_view method) { return function == MethodOf(*names, method); });
}

absl::StatusOr<std::vector<Site>> FindHttp2ClientSites(
    const elf::ElfFile& file, const elf::GoFunctions& functions, CallAbi abi,
    const std::map<std::string, FieldOffset>& fields) {
  std::vector<Site> sites;
  for (const Http2Names& names : AllHttp2Names()) {
    if (!KnowsConnectionsOf(names, fields)) continue;
    ASSIGN_OR_RETURN(const std::vector<Site> attempt, FindAttempt(file, functions, abi, names));
    ASSIGN_OR_RETURN(const std::vector<Site> stream,
                     SiteInPrologue(file, functions, names.encode_headers_function,
                                    SiteKind::kHttp2ClientStream, abi));
    if (attempt.empty() || stream.empty()) continue;
    sites.insert(sites.end(), attempt.begin(), attempt.end());
    sites.insert(sites.end(), stream.begin(), stream.end());
    ASSIGN_OR_RETURN(const std::vector<Site> headers, FindHeaders(file, functions, abi, names));
    sites.insert(sites.end(), headers.begin(), headers.end());
  }
  return sites;
}

}  // namespace uprobed::profile
