#include "server/profile/profile.h"

#include <algorithm>
#include <array>
#include <utility>

#include "fmt/format.h"

namespace uprobed::profile {
namespace {

template <typename T, size_t N>
using Names = std::array<std::pair<T, std::string_view>, N>;

constexpr Names<SiteKind, 57> kSiteKinds = {
    {{SiteKind::kServerStart, "server_start"},
     {SiteKind::kServerEnd, "server_end"},
     {SiteKind::kClientStart, "client_start"},
     {SiteKind::kClientResult, "client_result"},
     {SiteKind::kClientError, "client_error"},
     {SiteKind::kClientExchangeError, "client_exchange_error"},
     {SiteKind::kClientBranch, "client_branch"},
     {SiteKind::kServerRecover, "server_recover"},
     {SiteKind::kServerRefused, "server_refused"},
     {SiteKind::kHttp2ServerStart, "http2_server_start"},
     {SiteKind::kHttp2ServerEnd, "http2_server_end"},
     {SiteKind::kHttp2ServerGoexit, "http2_server_goexit"},
     {SiteKind::kHttp2ServerPanic, "http2_server_panic"},
     {SiteKind::kHttp2ServerAbort, "http2_server_abort"},
     {SiteKind::kClientConnection, "client_connection"},
     {SiteKind::kGoroutineStart, "goroutine_start"},
     {SiteKind::kTimerStart, "timer_start"},
     {SiteKind::kTimerStop, "timer_stop"},
     {SiteKind::kChannelSend, "channel_send"},
     {SiteKind::kChannelReceive, "channel_receive"},
     {SiteKind::kChannelSendDirect, "channel_send_direct"},
     {SiteKind::kChannelReceiveDirect, "channel_receive_direct"},
     {SiteKind::kSelectSend, "select_send"},
     {SiteKind::kSelectReceive, "select_receive"},
     {SiteKind::kSelectReceiveDirect, "select_receive_direct"},
     {SiteKind::kSelectDone, "select_done"},
     {SiteKind::kChannelClose, "channel_close"},
     {SiteKind::kGrpcServerStart, "grpc_server_start"},
     {SiteKind::kGrpcServerEnd, "grpc_server_end"},
     {SiteKind::kGrpcServerGone, "grpc_server_gone"},
     {SiteKind::kGrpcClientStart, "grpc_client_start"},
     {SiteKind::kGrpcClientEnd, "grpc_client_end"},
     {SiteKind::kGrpcClientFinish, "grpc_client_finish"},
     {SiteKind::kGrpcClientFailed, "grpc_client_failed"},
     {SiteKind::kGrpcStatusError, "grpc_status_error"},
     {SiteKind::kServerFirstByte, "server_first_byte"},
     {SiteKind::kHttp2ServerFirstByte, "http2_server_first_byte"},
     {SiteKind::kClientBodyRead, "client_body_read"},
     {SiteKind::kClientBodyCause, "client_body_cause"},
     {SiteKind::kClientBodyClose, "client_body_close"},
     {SiteKind::kHttp2ClientBodyRead, "http2_client_body_read"},
     {SiteKind::kHttp2ClientBodyClose, "http2_client_body_close"},
     {SiteKind::kClientGzipBody, "client_gzip_body"},
     {SiteKind::kServerRoute, "server_route"},
     {SiteKind::kHttp2ClientAttempt, "http2_client_attempt"},
     {SiteKind::kHttp2ClientStream, "http2_client_stream"},
     {SiteKind::kHttp2ClientHeaders, "http2_client_headers"},
     {SiteKind::kClientHeaders, "client_headers"},
     {SiteKind::kGrpcMetadataKey, "grpc_metadata_key"},
     {SiteKind::kGrpcValueContext, "grpc_value_context"},
     {SiteKind::kGrpcTcpAddress, "grpc_tcp_address"},
     {SiteKind::kServerHandler, "server_handler"},
     {SiteKind::kServerRedirect, "server_redirect"},
     {SiteKind::kServeMuxCall, "serve_mux_call"},
     {SiteKind::kHandlerFunc, "handler_func"},
     {SiteKind::kEchoHandler, "echo_handler"},
     {SiteKind::kOwnHandler, "own_handler"}}};
constexpr Names<CostClass, 2> kCostClasses = {
    {{CostClass::kEmulated, "emulated"}, {CostClass::kSingleStepped, "single_stepped"}}};
constexpr Names<Source, 6> kSources = {{{Source::kSymtab, "symtab"},
                                        {Source::kPclntab, "pclntab"},
                                        {Source::kDwarf, "dwarf"},
                                        {Source::kTable, "table"},
                                        {Source::kDisassembly, "disassembly"},
                                        {Source::kBuildInfo, "build_info"}}};
constexpr Names<MapKind, 2> kMapKinds = {
    {{MapKind::kBuckets, "buckets"}, {MapKind::kSwiss, "swiss"}}};
constexpr Names<Instrumentation, std::size(kInstrumentations)> kInstrumentationNames = {
    {{Instrumentation::kHttpServer, "http_server"},
     {Instrumentation::kHttpClient, "http_client"},
     {Instrumentation::kGoroutines, "goroutines"},
     {Instrumentation::kChannels, "channels"},
     {Instrumentation::kGrpcServer, "grpc_server"},
     {Instrumentation::kGrpcClient, "grpc_client"}}};

template <typename T, size_t N>
std::string_view NameIn(const Names<T, N>& names, T value) {
  for (const auto& [known, name] : names) {
    if (known == value) return name;
  }
  return "unknown";
}

template <typename T, size_t N>
std::optional<T> ValueIn(const Names<T, N>& names, std::string_view name) {
  for (const auto& [value, known] : names) {
    if (known == name) return value;
  }
  return std::nullopt;
}

}  // namespace

bool FieldOffset::corroborated() const {
  return !others.empty() && std::all_of(others.begin(), others.end(),
                                        [this](const Evidence& e) { return e.offset == offset; });
}

std::vector<Disagreement> Profile::Disagreements() const {
  std::vector<Disagreement> found;
  for (const auto& [name, field] : fields) {
    if (field.others.empty() || field.corroborated()) continue;
    std::string told = fmt::format("{} says {}", Name(field.source), field.offset);
    for (const Evidence& evidence : field.others) {
      told += fmt::format(", {} says {}", Name(evidence.source), evidence.offset);
    }
    found.push_back({name, "OFFSETS_DISAGREE", fmt::format("the offset of {}: {}", name, told)});
  }
  return found;
}

bool Profile::Has(Instrumentation instrumentation) const {
  return std::any_of(sites.begin(), sites.end(), [instrumentation](const Site& site) {
    return IsProbed(site.kind) && InstrumentationOf(site.kind) == instrumentation;
  });
}

Instrumentation InstrumentationOf(SiteKind kind) {
  switch (kind) {
    case SiteKind::kServerStart:
    case SiteKind::kServerEnd:
    case SiteKind::kServerRecover:
    case SiteKind::kServerRefused:
    case SiteKind::kServerRoute:
    case SiteKind::kHttp2ServerStart:
    case SiteKind::kHttp2ServerEnd:
    case SiteKind::kHttp2ServerGoexit:
    case SiteKind::kHttp2ServerPanic:
    case SiteKind::kHttp2ServerAbort:
    case SiteKind::kServerFirstByte:
    case SiteKind::kHttp2ServerFirstByte:
    case SiteKind::kServerHandler:
    case SiteKind::kServerRedirect:
    case SiteKind::kServeMuxCall:
    case SiteKind::kHandlerFunc:
    case SiteKind::kEchoHandler:
    case SiteKind::kOwnHandler:
      return Instrumentation::kHttpServer;
    case SiteKind::kGoroutineStart:
    case SiteKind::kTimerStart:
    case SiteKind::kTimerStop:
      return Instrumentation::kGoroutines;
    case SiteKind::kChannelSend:
    case SiteKind::kChannelReceive:
    case SiteKind::kChannelSendDirect:
    case SiteKind::kChannelReceiveDirect:
    case SiteKind::kSelectSend:
    case SiteKind::kSelectReceive:
    case SiteKind::kSelectReceiveDirect:
    case SiteKind::kSelectDone:
    case SiteKind::kChannelClose:
      return Instrumentation::kChannels;
    case SiteKind::kGrpcServerStart:
    case SiteKind::kGrpcServerEnd:
    case SiteKind::kGrpcServerGone:
    case SiteKind::kGrpcMetadataKey:
    case SiteKind::kGrpcValueContext:
      return Instrumentation::kGrpcServer;
    case SiteKind::kGrpcClientStart:
    case SiteKind::kGrpcClientEnd:
    case SiteKind::kGrpcClientFinish:
    case SiteKind::kGrpcClientFailed:
    case SiteKind::kGrpcStatusError:
    case SiteKind::kGrpcTcpAddress:
      return Instrumentation::kGrpcClient;
    case SiteKind::kClientStart:
    case SiteKind::kClientResult:
    case SiteKind::kClientError:
    case SiteKind::kClientExchangeError:
    case SiteKind::kClientBranch:
    case SiteKind::kClientConnection:
    case SiteKind::kClientBodyRead:
    case SiteKind::kClientBodyCause:
    case SiteKind::kClientBodyClose:
    case SiteKind::kHttp2ClientBodyRead:
    case SiteKind::kHttp2ClientBodyClose:
    case SiteKind::kClientGzipBody:
    case SiteKind::kHttp2ClientAttempt:
    case SiteKind::kHttp2ClientStream:
    case SiteKind::kClientHeaders:
    case SiteKind::kHttp2ClientHeaders:
      break;
  }
  return Instrumentation::kHttpClient;
}

std::vector<SiteKind> AllSiteKinds() {
  std::vector<SiteKind> kinds;
  kinds.reserve(kSiteKinds.size());
  for (const auto& [kind, name] : kSiteKinds) kinds.push_back(kind);
  return kinds;
}

bool IsProbed(SiteKind kind) {
  return kind != SiteKind::kGrpcStatusError && kind != SiteKind::kClientGzipBody &&
         kind != SiteKind::kGrpcMetadataKey && kind != SiteKind::kGrpcValueContext &&
         kind != SiteKind::kGrpcTcpAddress && kind != SiteKind::kServeMuxCall &&
         kind != SiteKind::kHandlerFunc && kind != SiteKind::kEchoHandler &&
         kind != SiteKind::kOwnHandler;
}

bool IsBranch(SiteKind kind) {
  return kind == SiteKind::kClientBranch || kind == SiteKind::kServerRecover ||
         kind == SiteKind::kHttp2ServerGoexit;
}

std::string_view Name(SiteKind kind) { return NameIn(kSiteKinds, kind); }
std::string_view Name(CostClass cost) { return NameIn(kCostClasses, cost); }
std::string_view Name(Source source) { return NameIn(kSources, source); }
std::string_view Name(MapKind kind) { return NameIn(kMapKinds, kind); }
std::string_view Name(Instrumentation instrumentation) {
  return NameIn(kInstrumentationNames, instrumentation);
}

std::optional<SiteKind> SiteKindFromName(std::string_view name) {
  return ValueIn(kSiteKinds, name);
}
std::optional<CostClass> CostClassFromName(std::string_view name) {
  return ValueIn(kCostClasses, name);
}
std::optional<Source> SourceFromName(std::string_view name) { return ValueIn(kSources, name); }
std::optional<MapKind> MapKindFromName(std::string_view name) { return ValueIn(kMapKinds, name); }
std::optional<Instrumentation> InstrumentationFromName(std::string_view name) {
  return ValueIn(kInstrumentationNames, name);
}

}  // namespace uprobed::profile
