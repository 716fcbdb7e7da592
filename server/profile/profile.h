#ifndef UPROBED_SERVER_PROFILE_PROFILE_H_
#define UPROBED_SERVER_PROFILE_PROFILE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/base/field_verdict.h"

namespace uprobed::profile {

// A Profile is all that must be known to probe one binary: plain values, comparable, storable. It
// is complete: what is not in it was not found, and `absences` says why.

// Who the binary is. Two files with the same identity have the same content.
struct BinaryIdentity {
  std::string go_build_id;   // note .note.go.buildid; empty where the linker wrote none
  std::string gnu_build_id;  // note .note.gnu.build-id, hexadecimal; empty where there is none
  std::string sha256;        // of the whole file, hexadecimal
  uint64_t size = 0;         // bytes

  // Resource id of the profile: the first 32 hexadecimal digits of the hash.
  std::string Id() const { return sha256.substr(0, 32); }
  bool operator==(const BinaryIdentity&) const = default;
};

// What a site observes. The kernel side has one program for each kind.
enum class SiteKind : uint8_t {
  kServerStart,   // net/http hands a request to the handler
  kServerEnd,     // net/http finishes the response
  kClientStart,   // Transport.RoundTrip begins
  kClientResult,  // the jump behind the exchange: a response, or an error that may be retried
  kClientError,   // a path of Transport.roundTrip that can end only in an error
  kClientExchangeError,  // the same, and the error is the one that the exchange returned before
  kClientBranch,  // a jump whose one outcome leaves Transport.roundTrip: ends if it will be so
  // The jump behind recover() where a connection ends: a request that is still under way has
  // panicked, or its connection was hijacked.
  kServerRecover,
  kServerRefused,  // net/http itself answers what it takes for no request
  // HTTP/2 hands a request to the handler. Where kServerStart lies in serverHandler.ServeHTTP
  // itself, it begins the requests of HTTP/2, too.
  kHttp2ServerStart,
  kHttp2ServerEnd,     // the handler has returned
  kHttp2ServerGoexit,  // the jump behind recover(): without a panic, runtime.Goexit was called
  kHttp2ServerPanic,   // a panic of the handler is logged
  kHttp2ServerAbort,   // a panic of the handler is compared with http.ErrAbortHandler
  kClientConnection,   // an attempt begins on a connection of HTTP/1
  kGoroutineStart,     // a goroutine has been made
  kTimerStart,         // time.AfterFunc begins
  kTimerStop,          // a timer is stopped
  // An element was copied into the buffer of a channel, or out of it, or is passed between the
  // current goroutine and one that waits. A select statement knows its channels at its end.
  kChannelSend,
  kChannelReceive,
  kChannelSendDirect,
  kChannelReceiveDirect,
  kSelectSend,
  kSelectReceive,
  kSelectReceiveDirect,
  kSelectDone,
  kChannelClose,      // a channel is closed, or a receive finds it closed and empty
  kGrpcServerStart,   // google.golang.org/grpc hands a stream to its handler
  kGrpcServerEnd,     // it writes the status of a stream
  kGrpcServerGone,    // it could not send the response of a unary request
  kGrpcClientStart,   // it has made a stream and begins its first attempt
  kGrpcClientEnd,     // it finishes a stream that has no attempt, or one that could not begin
  kGrpcClientFinish,  // it finishes the last attempt of a stream
  kGrpcClientFailed,  // the jump behind an attempt that failed: without an error it is retried
  kServerRoute,       // a router knows the template of the request's route
  // Never probed: by the address of (*status.Error).Error errors are known to be such.
  kGrpcStatusError,
  kServerFirstByte,       // net/http writes the header of a response
  kHttp2ServerFirstByte,  // HTTP/2 does
  // The body of a client's response: reading it has ended, in whatever error; the jump behind the
  // question why it failed; it is closed.
  kClientBodyRead,
  kClientBodyCause,
  kClientBodyClose,
  kHttp2ClientBodyRead,  // only where it was read to its end
  kHttp2ClientBodyClose,
  // Never probed: by the address of its Close a body is known to be one of HTTP/2 that is
  // decompressed.
  kClientGzipBody,
  kHttp2ClientAttempt,  // an attempt begins on a connection of HTTP/2
  kHttp2ClientStream,   // it has a stream, and its headers are about to be written
  kHttp2ClientHeaders,  // the headers of a request of HTTP/2 are about to be flushed
  kClientHeaders,       // the request line of a request of HTTP/1 is written, its headers follow
  // Never probed, in server/profile/grpc_addresses.h: the type of the key of a request's metadata,
  // that of a context with a value, that of a TCP address.
  kGrpcMetadataKey,
  kGrpcValueContext,
  kGrpcTcpAddress,
  kServerHandler,   // a ServeMux has found the handler of a request
  kServerRedirect,  // it redirects the request instead
  // Never probed: the call by which a ServeMux asks for a handler (Go <= 1.21), and the functions
  // by whose addresses it is known that a handler is an http.HandlerFunc, or one of echo's.
  kServeMuxCall,
  kHandlerFunc,
  kEchoHandler,
  // Never probed: by its address a handler is known to be that of an http.Server, which has
  // another.
  kOwnHandler,
};

// How dear a hit is: whether the kernel runs the replaced instruction inside the same trap.
enum class CostClass : uint8_t { kEmulated, kSingleStepped };

// Where a fact comes from.
enum class Source : uint8_t { kSymtab, kPclntab, kDwarf, kTable, kDisassembly, kBuildInfo };

// Where a Go value is when the site is hit.
struct ArgumentLocation {
  enum class Kind : uint8_t { kRegister, kStack };
  std::string name;  // "request", "response", "error"
  Kind kind = Kind::kRegister;
  std::string register_name;  // "rax", "x0"; empty on the stack
  int32_t stack_offset = 0;   // bytes from the stack pointer; 0 in a register
  bool operator==(const ArgumentLocation&) const = default;
};

// One instruction to probe.
struct Site {
  SiteKind kind = SiteKind::kServerStart;
  std::string function;          // the function that contains the instruction
  uint64_t virtual_address = 0;  // as linked
  uint64_t file_offset = 0;      // what uprobes are registered by
  uint32_t function_offset = 0;  // bytes from the function's entry
  std::vector<uint8_t> bytes;    // of the instruction, compared with the file before each attach
  std::string instruction;       // as text: "call net/http.serverHandler.ServeHTTP"
  CostClass cost = CostClass::kSingleStepped;
  // Of branches only: what the jump depends on, as bpf/abi/site_cookie.h writes it, and whether the
  // span ends (kServerRecover: a panic was recovered) when it is taken or when it falls through.
  uint16_t condition = 0;
  bool ends_when_taken = false;
  std::vector<ArgumentLocation> arguments;
  bool operator==(const Site&) const = default;
};

// What one source says of the offset of a field.
struct Evidence {
  Source source = Source::kTable;
  uint32_t offset = 0;  // bytes
  bool operator==(const Evidence&) const = default;
};

// Offset of a field in a Go struct. The key in Profile::fields is the field's Go name, as listed in
// server/profile/fields.h: "net/http.Request.Method".
struct FieldOffset {
  uint32_t offset = 0;             // bytes
  Source source = Source::kTable;  // the strongest that knows the field: kDwarf, kTable or
                                   // kDisassembly, in this order
  std::vector<Evidence> others;    // the weaker sources that know it too, the stronger first

  // Whether another source says the same and none says otherwise.
  bool corroborated() const;
  bool operator==(const FieldOffset&) const = default;
};

// Whether the sources of a profile tell the same story.
enum class Trust : uint8_t {
  kConsistent,
  kSuspect,  // two sources disagree about a field: not attached unless the probe asks for it
};

// The method by which a type is an error: "net.(*OpError).Error". What an interface value holds is
// told by it.
struct ErrorMethod {
  uint64_t address = 0;  // as linked
  std::string name;
  bool operator==(const ErrorMethod&) const = default;
};

// A field about which two sources disagree.
struct Disagreement {
  std::string field;    // "net/http.response.status"
  std::string reason;   // OFFSETS_DISAGREE
  std::string message;  // what each source says
  bool operator==(const Disagreement&) const = default;
};

enum class MapKind : uint8_t { kBuckets, kSwiss };  // Go <= 1.23, Go >= 1.24

// kGoroutines and kChannels find the parents of spans: they make none.
enum class Instrumentation : uint8_t {
  kHttpServer,
  kHttpClient,
  kGoroutines,
  kChannels,
  kGrpcServer,
  kGrpcClient
};

inline constexpr Instrumentation kInstrumentations[] = {
    Instrumentation::kHttpServer, Instrumentation::kHttpClient, Instrumentation::kGoroutines,
    Instrumentation::kChannels,   Instrumentation::kGrpcServer, Instrumentation::kGrpcClient};
// What a probe observes that does not say what.
inline constexpr Instrumentation kSpanInstrumentations[] = {
    Instrumentation::kHttpServer, Instrumentation::kHttpClient, Instrumentation::kGrpcServer,
    Instrumentation::kGrpcClient};

// An instrumentation that the binary cannot have, with the stable reason and a sentence.
struct Absence {
  Instrumentation instrumentation = Instrumentation::kHttpServer;
  std::string reason;
  std::string message;
  bool operator==(const Absence&) const = default;
};

// The resolver's rules change with releases of the daemon: a stored profile of an older revision is
// resolved anew.
inline constexpr int kResolverRevision = 10;

struct Profile {
  BinaryIdentity identity;
  int resolver_revision = kResolverRevision;
  std::string go_version;    // "go1.24.12"
  std::string architecture;  // "amd64" or "arm64"
  std::string main_module;   // module path of the main package; empty without build info
  std::map<std::string, std::string> modules;  // dependency path -> version
  bool position_independent = false;
  bool stripped = false;                   // neither .symtab nor DWARF
  Source symbol_source = Source::kSymtab;  // kSymtab or kPclntab
  MapKind map_kind = MapKind::kBuckets;
  std::vector<Site> sites;  // ascending by file_offset
  std::map<std::string, FieldOffset> fields;
  // What requests showed of the fields wherever the profile was attached last; a field that is not
  // here is unverified.
  std::map<std::string, FieldVerdict> verdicts;
  std::vector<ErrorMethod> error_methods;  // ascending by address; empty without a client
  std::vector<Absence> absences;

  bool Has(Instrumentation instrumentation) const;
  // In the order of the fields; computed from them, so that nobody can state it otherwise.
  std::vector<Disagreement> Disagreements() const;
  Trust trust() const { return Disagreements().empty() ? Trust::kConsistent : Trust::kSuspect; }
  bool operator==(const Profile&) const = default;
};

// Whether a site of this kind is a conditional jump, which means something on one of its ways.
bool IsBranch(SiteKind kind);

// The instrumentation that a site of this kind belongs to.
Instrumentation InstrumentationOf(SiteKind kind);

std::vector<SiteKind> AllSiteKinds();

// Whether sites of this kind are attached.
bool IsProbed(SiteKind kind);

// Stable lower_snake_case names, used in the store, in logs and in metrics.
std::string_view Name(SiteKind kind);
std::string_view Name(CostClass cost);
std::string_view Name(Source source);
std::string_view Name(MapKind kind);
std::string_view Name(Instrumentation instrumentation);
std::optional<SiteKind> SiteKindFromName(std::string_view name);
std::optional<CostClass> CostClassFromName(std::string_view name);
std::optional<Source> SourceFromName(std::string_view name);
std::optional<MapKind> MapKindFromName(std::string_view name);
std::optional<Instrumentation> InstrumentationFromName(std::string_view name);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_PROFILE_H_
