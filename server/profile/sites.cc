#include "server/profile/sites.h"

#include <array>
#include <utility>

#include "fmt/format.h"
#include "server/base/errors.h"
#include "server/profile/grpc_addresses.h"
#include "server/profile/grpc_names.h"
#include "server/profile/handler_sites.h"
#include "server/profile/http2_client_sites.h"
#include "server/profile/injection_sites.h"
#include "server/profile/response_sites.h"
#include "server/profile/router_names.h"
#include "server/profile/runtime_sites.h"
#include "server/profile/site_code.h"

namespace uprobed::profile {
namespace {

ArgumentLocation InRegister(std::string name, std::string register_name) {
  ArgumentLocation location;
  location.name = std::move(name);
  location.register_name = std::move(register_name);
  return location;
}

// The first words of arguments and of results on amd64; on arm64 they are in x0, x1, and so on
// (cmd/compile/abi-internal.md).
constexpr std::array kAmd64Words = {"rax", "rbx", "rcx", "rdi", "rsi", "r8", "r9", "r10", "r11"};

constexpr int32_t kStackWordBytes = 8;

// At the site's stack pointer: behind a return address where the site is in the callee.
ArgumentLocation OnStack(std::string name, int32_t offset) {
  ArgumentLocation location;
  location.name = std::move(name);
  location.kind = ArgumentLocation::Kind::kStack;
  location.stack_offset = offset;
  return location;
}

ArgumentLocation AtWord(CallAbi abi, const char* name, size_t word, int32_t word_on_stack) {
  switch (abi) {
    case CallAbi::kAmd64Registers:
      return InRegister(name, kAmd64Words.at(word));
    case CallAbi::kArm64Registers:
      return InRegister(name, fmt::format("x{}", word));
    case CallAbi::kAmd64Stack:
      break;
  }
  return OnStack(name, word_on_stack * kStackWordBytes);
}

// The functions without a name in (*conn).serve, of which one is deferred and recovers from panics.
constexpr std::string_view kDeferredFunctions = "net/http.(*conn).serve.func";
constexpr int kMaxDeferredFunctions = 4;

}  // namespace

bool LiesIn(SiteKind kind, std::string_view function) {
  switch (kind) {
    case SiteKind::kServerRecover:
      return function.starts_with(kDeferredFunctions);
    case SiteKind::kServerStart:
      return function == kServeFunction;
    case SiteKind::kHttp2ServerStart: {
      const Http2Names* names = FindHttp2Names(function);
      return names != nullptr && function == names->start_function;
    }
    case SiteKind::kHttp2ServerEnd:
    case SiteKind::kHttp2ServerGoexit:
    case SiteKind::kHttp2ServerPanic:
    case SiteKind::kHttp2ServerAbort: {
      const Http2Names* names = FindHttp2Names(function);
      return names != nullptr && function.starts_with(names->run_function) &&
             function != names->run_function;
    }
    case SiteKind::kClientConnection:
      return function == kExchangeFunction;
    case SiteKind::kClientHeaders:
      return function == kWriteRequestFunction;
    case SiteKind::kServerRoute:
      return FindRouter(function) != nullptr;
    case SiteKind::kGrpcServerStart:
    case SiteKind::kGrpcServerEnd:
    case SiteKind::kGrpcServerGone:
    case SiteKind::kGrpcClientStart:
    case SiteKind::kGrpcClientEnd:
    case SiteKind::kGrpcClientFinish:
    case SiteKind::kGrpcClientFailed:
    case SiteKind::kGrpcStatusError:
      return LiesInGrpc(kind, function);
    default:
      break;
  }
  if (IsRuntimeSite(kind)) return RuntimeSiteLiesIn(kind, function);
  if (IsGrpcAddress(kind)) return GrpcAddressLiesIn(kind, function);
  if (IsResponseSite(kind)) return ResponseSiteLiesIn(kind, function);
  if (IsHttp2ClientSite(kind)) return Http2ClientSiteLiesIn(kind, function);
  if (IsHandlerSite(kind)) return HandlerSiteLiesIn(kind, function);
  const bool server = InstrumentationOf(kind) == Instrumentation::kHttpServer;
  if (!server && IsModuleClientFunction(function)) return true;
  return function == (server ? kServeFunction : kRoundTripFunction);
}

std::vector<ArgumentLocation> ArgumentsOf(SiteKind kind, CallAbi abi) {
  const auto at = [abi](const char* name, size_t word, int32_t word_on_stack) {
    return AtWord(abi, name, word, word_on_stack);
  };
  switch (kind) {
    case SiteKind::kServerStart:  // serverHandler.ServeHTTP(rw ResponseWriter, req *Request)
      return {at("request", 3, 3), at("response", 2, 2)};
    case SiteKind::kServerEnd:  // (w *response) finishRequest()
      return {at("response", 0, 0)};
    case SiteKind::kClientStart:  // (t *Transport) roundTrip(req *Request), in the callee
      return {at("request", 1, 2)};
    case SiteKind::kClientResult:  // returned (*Response, error), behind receiver and request
    case SiteKind::kClientBranch:
      return {at("response", 0, 2), at("error", 1, 3), at("error_data", 2, 4)};
    case SiteKind::kClientError:
    case SiteKind::kClientExchangeError:
      return {};
    case SiteKind::kClientConnection:  // (pc *persistConn) roundTrip(req), in the callee
      return {at("connection", 0, 1)};
    case SiteKind::kClientHeaders:  // (t *transferWriter) writeHeader(w io.Writer, trace)
      return {at("writer", 2, 2)};
    case SiteKind::kServerRecover:  // returned (any), behind the argument
      return {at("recovered", 1, 2)};
    case SiteKind::kHttp2ServerStart:  // Http2StartArguments
      return {};
    case SiteKind::kHttp2ServerEnd:  // (rw *responseWriter) handlerDone()
      return {at("response", 0, 0)};
    case SiteKind::kHttp2ServerAbort:  // efaceeq(t *_type, x, y unsafe.Pointer)
      return {at("first", 1, 1), at("second", 2, 2)};
    case SiteKind::kHttp2ServerGoexit:
    case SiteKind::kHttp2ServerPanic:
      return {};
    case SiteKind::kGoroutineStart:  // isSystemGoroutine(gp *g, fixed bool)
      return {at("goroutine", 0, 0)};
    case SiteKind::kTimerStart:  // AfterFunc(d Duration, f func()), in the callee
      return {at("function", 1, 2)};
    case SiteKind::kTimerStop:  // stopTimer(t *timer), in the callee
      return {at("timer", 0, 1)};
    case SiteKind::kChannelSend:  // unlock2, lock2(l *mutex)
    case SiteKind::kChannelClose:
    case SiteKind::kChannelReceive:
      return {at("lock", 0, 0)};
    case SiteKind::kChannelSendDirect:  // send, recv(c *hchan, sg *sudog, ...)
    case SiteKind::kChannelReceiveDirect:
    case SiteKind::kSelectReceiveDirect:
      return {at("channel", 0, 0), at("waiting", 1, 1)};
    case SiteKind::kSelectSend:     // typedmemmove(typ *_type, dst, src unsafe.Pointer)
    case SiteKind::kSelectReceive:  // typedmemclr(typ *_type, ptr unsafe.Pointer)
      return {at("type", 0, 0), at("element", 1, 1)};
    case SiteKind::kSelectDone:  // selunlock(scases []scase, lockorder []uint16)
      return {at("cases", 0, 0), at("count", 1, 1)};
    case SiteKind::kServerRefused:  // Fprintf(w Writer, format string, a ...any), WriteString
      return {at("text", 2, 2), at("values", 4, 4)};
    case SiteKind::kServerRoute:  // RouteArguments
      return {};
    case SiteKind::kGrpcServerStart:  // (s *Server) handleStream(t ServerTransport, stream), in it
      return {at("stream", 3, 4)};
    case SiteKind::kGrpcServerEnd:  // (t *http2Server) writeStatus(s, st *status.Status), in it
      return {at("stream", 1, 2), at("status", 2, 3)};
    case SiteKind::kGrpcServerGone:  // FromError(err error)
      return {at("error_type", 0, 0), at("error", 1, 1)};
    case SiteKind::kGrpcClientStart:  // (cs *clientStream) withRetry(op, onSuccess)
      return {at("stream", 0, 0)};
    case SiteKind::kGrpcClientEnd:  // (cs *clientStream) finish(err error)
      return {at("stream", 0, 0), at("error_type", 1, 1), at("error", 2, 2)};
    case SiteKind::kGrpcClientFinish:  // (a *csAttempt) finish(err error), in that of clientStream
      return {OnStack(kSavedStream, 0), at("error_type", 1, 1), at("error", 2, 2)};
    case SiteKind::kGrpcClientFailed:  // returned (error), behind four words of arguments
      return {OnStack(kSavedStream, 0), at("error_type", 0, 4), at("error", 1, 5)};
    case SiteKind::kServerFirstByte:  // (cw *chunkWriter) writeHeader(p []byte), in it
      return {at("writer", 0, 1)};
    case SiteKind::kClientBodyRead:   // func(err error), in it
    case SiteKind::kClientBodyCause:  // returned (error), behind the receiver
      return {at("error_type", 0, 1), at("error", 1, 2)};
    case SiteKind::kClientBodyClose:  // (es *bodyEOFSignal) Close(), in it
      return {at("body", 0, 1)};
    case SiteKind::kHttp2ClientBodyClose:  // (b transportResponseBody) Close(), in it
      return {at("stream", 0, 1)};
    case SiteKind::kHttp2ClientAttempt:  // (cc *ClientConn) roundTrip(req), in it
      return {at("request", 1, 2)};
    case SiteKind::kHttp2ClientStream:  // (cs *clientStream) encodeAndWriteHeaders(req), in it
      return {at("stream", 0, 1), at("request", 1, 2)};
    case SiteKind::kHttp2ClientHeaders:  // (b *Writer) Flush()
      return {at("writer", 0, 0)};
    case SiteKind::kHttp2ServerFirstByte:
    case SiteKind::kHttp2ClientBodyRead:
    case SiteKind::kClientGzipBody:
    case SiteKind::kGrpcStatusError:
    case SiteKind::kGrpcMetadataKey:
    case SiteKind::kGrpcValueContext:
    case SiteKind::kGrpcTcpAddress:
    case SiteKind::kServerRedirect:
    case SiteKind::kServeMuxCall:
    case SiteKind::kHandlerFunc:
    case SiteKind::kEchoHandler:
    case SiteKind::kOwnHandler:
      return {};
    case SiteKind::kServerHandler:  // returned (h Handler, ...), in registers in these releases
      return {at("handler", 0, 0), at("handler_data", 1, 1)};
  }
  return {};
}

std::vector<ArgumentLocation> Http2StartArguments(std::string_view function, CallAbi abi) {
  const Http2Names* names = FindHttp2Names(function);
  // (sc *serverConn) runHandler(rw, req, handler), in it
  if (names == nullptr || names->start_function == names->run_function) {
    return {AtWord(abi, "request", 2, 3), AtWord(abi, "response", 1, 2)};
  }
  // (h http2Handler) ServeHTTP(w, req), in it: what runtime.newobject has returned
  return {AtWord(abi, "request", 0, 1), OnStack(kSavedArguments, 0)};
}

std::vector<ArgumentLocation> RouteArguments(std::string_view function, CallAbi abi) {
  const Router* router = FindRouter(function);
  if (router == nullptr) return {};
  return {AtWord(abi, "route", router->word, static_cast<int32_t>(router->word))};
}

std::vector<ArgumentLocation> ArgumentsOf(const Site& site, CallAbi abi) {
  if (site.kind == SiteKind::kServerHandler) return HandlerArguments(site.function, abi);
  if (site.kind == SiteKind::kHttp2ServerStart) return Http2StartArguments(site.function, abi);
  return site.kind == SiteKind::kServerRoute ? RouteArguments(site.function, abi)
                                             : ArgumentsOf(site.kind, abi);
}

bool IsSaved(const ArgumentLocation& argument) {
  return argument.name == kSavedStream || argument.name == kSavedHandler ||
         argument.name == kSavedArguments;
}

absl::StatusOr<std::vector<Site>> FindServerSites(const elf::ElfFile& file,
                                                  const elf::GoFunctions& functions, CallAbi abi) {
  ASSIGN_OR_RETURN(const ControlFlow flow, ReadFunction(file, functions, kServeFunction));
  RETURN_IF_ERROR(CheckGoroutine(flow, abi));
  ASSIGN_OR_RETURN(const std::vector<SitePlan> plans, PlanServerSites(flow, abi));
  ASSIGN_OR_RETURN(std::vector<Site> sites, MakeSites(file, flow, plans));
  for (int i = 1; i <= kMaxDeferredFunctions; ++i) {
    const std::string name = fmt::format("{}{}", kDeferredFunctions, i);
    const absl::StatusOr<ControlFlow> deferred = ReadFunction(file, functions, name);
    if (!deferred.ok()) continue;  // without it a request that panics is counted as abandoned
    ASSIGN_OR_RETURN(const std::vector<Site> ends,
                     MakeSites(file, *deferred, PlanRecoverSites(*deferred, abi)));
    sites.insert(sites.end(), ends.begin(), ends.end());
  }
  return sites;
}

absl::StatusOr<std::vector<Site>> FindRouteSites(const elf::ElfFile& file,
                                                 const elf::GoFunctions& functions, CallAbi abi) {
  std::vector<Site> sites;
  for (const Router& router : AllRouters()) {
    const absl::StatusOr<ControlFlow> flow = ReadFunction(file, functions, router.function);
    // What is not there, or not understood, tells no routes: requests are observed all the same.
    if (!flow.ok() || !CheckGoroutine(*flow, abi).ok()) continue;
    std::vector<SitePlan> plans;
    for (const size_t call : flow->CallsTo(std::string(router.callee))) {
      plans.push_back({SiteKind::kServerRoute, call, false, RouteArguments(router.function, abi)});
    }
    ASSIGN_OR_RETURN(const std::vector<Site> found, MakeSites(file, *flow, plans));
    sites.insert(sites.end(), found.begin(), found.end());
  }
  return sites;
}

absl::StatusOr<std::vector<Site>> FindHttp2Sites(const elf::ElfFile& file,
                                                 const elf::GoFunctions& functions, CallAbi abi,
                                                 const Http2Names& names) {
  // Without runHandler nothing is served, whoever else may be there.
  RETURN_IF_ERROR(ReadFunction(file, functions, names.run_function).status());
  ASSIGN_OR_RETURN(const ControlFlow begin, ReadFunction(file, functions, names.start_function));
  RETURN_IF_ERROR(CheckGoroutine(begin, abi));
  ASSIGN_OR_RETURN(const SitePlan plan, PlanHttp2Start(begin, names, abi));
  ASSIGN_OR_RETURN(std::vector<Site> sites, MakeSites(file, begin, {plan}));
  absl::Status missing;
  for (int i = 1; i <= kMaxDeferredFunctions; ++i) {
    const std::string name = fmt::format("{}.func{}", names.run_function, i);
    const absl::StatusOr<ControlFlow> deferred = ReadFunction(file, functions, name);
    const absl::StatusOr<std::vector<SitePlan>> plans =
        deferred.ok() ? PlanHttp2Ends(*deferred, names.done_function, abi) : deferred.status();
    if (plans.ok()) {
      ASSIGN_OR_RETURN(const std::vector<Site> ends, MakeSites(file, *deferred, *plans));
      sites.insert(sites.end(), ends.begin(), ends.end());
      return sites;
    }
    if (missing.ok()) missing = plans.status();
  }
  return missing;
}

absl::StatusOr<std::vector<Site>> FindClientSites(const elf::ElfFile& file,
                                                  const elf::GoFunctions& functions, CallAbi abi) {
  ASSIGN_OR_RETURN(const ControlFlow flow, ReadFunction(file, functions, kRoundTripFunction));
  RETURN_IF_ERROR(CheckGoroutine(flow, abi));
  ASSIGN_OR_RETURN(const std::vector<SitePlan> plans,
                   PlanClientSites(flow, NetHttpClientFunction(), abi));
  ASSIGN_OR_RETURN(std::vector<Site> sites, MakeSites(file, flow, plans));
  // Without it traces are not stitched.
  ASSIGN_OR_RETURN(
      const std::vector<Site> connection,
      SiteInPrologue(file, functions, kExchangeFunction, SiteKind::kClientConnection, abi));
  sites.insert(sites.end(), connection.begin(), connection.end());
  return sites;
}

absl::StatusOr<std::vector<Site>> FindModuleClientSites(const elf::ElfFile& file,
                                                        const elf::GoFunctions& functions,
                                                        CallAbi abi) {
  for (const ClientFunction& function : ModuleClientFunctions()) {
    const absl::StatusOr<ControlFlow> flow = ReadFunction(file, functions, function.name);
    const absl::StatusOr<std::vector<SitePlan>> plans =
        flow.ok() ? PlanClientSites(*flow, function, abi) : flow.status();
    if (plans.ok()) return MakeSites(file, *flow, *plans);
    if (!absl::IsFailedPrecondition(plans.status())) return plans.status();
  }
  return std::vector<Site>();
}

}  // namespace uprobed::profile
