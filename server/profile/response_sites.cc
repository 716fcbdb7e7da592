#include "server/profile/response_sites.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "fmt/format.h"
#include "server/base/errors.h"
#include "server/profile/call_results.h"
#include "server/profile/fields.h"
#include "server/profile/prologue.h"
#include "server/profile/site_code.h"

namespace uprobed::profile {
namespace {

constexpr std::string_view kWriteHeader = "net/http.(*chunkWriter).writeHeader";
constexpr std::string_view kBodyClose = "net/http.(*bodyEOFSignal).Close";
// The functions without a name in readLoop, one of which is the fn of each bodyEOFSignal
// (src/net/http/transport.go).
constexpr std::string_view kReadLoopFunctions = "net/http.(*persistConn).readLoop.func";
constexpr int kMaxReadLoopFunctions = 8;
constexpr char kCanceled[] = "net/http.(*persistConn).canceled";

bool HasKind(const Profile& profile, SiteKind kind) {
  return std::any_of(profile.sites.begin(), profile.sites.end(),
                     [kind](const Site& site) { return site.kind == kind; });
}

bool HasField(const Profile& profile, up_field field) {
  return profile.fields.contains(FieldKey(AllFields()[field]));
}

// What makes a lookup fail that is no error of the file: the binary is as it is.
bool IsAbsence(const absl::Status& status) { return absl::IsFailedPrecondition(status); }

void Append(std::vector<Site>&& more, std::vector<Site>* sites) {
  sites->insert(sites->end(), std::make_move_iterator(more.begin()),
                std::make_move_iterator(more.end()));
}

absl::StatusOr<std::vector<Site>> FindBodyRead(const elf::ElfFile& file,
                                               const elf::GoFunctions& functions, CallAbi abi) {
  for (int i = 1; i <= kMaxReadLoopFunctions; ++i) {
    const std::string name = fmt::format("{}{}", kReadLoopFunctions, i);
    const absl::StatusOr<ControlFlow> flow = ReadFunction(file, functions, name);
    if (!flow.ok()) {
      if (IsAbsence(flow.status())) continue;
      return flow.status();
    }
    const std::vector<SitePlan> plans = PlanBodyRead(*flow, abi);
    if (!plans.empty()) return MakeSites(file, *flow, plans);
  }
  return std::vector<Site>();
}

// The sites of one kind of bodies: where reading ends, where they are closed, and the address of
// Close of those of HTTP/2 that are decompressed. One end alone would leave some open for ever.
void AddBodies(std::vector<Site> read, std::vector<Site> close, std::vector<Site> gzip,
               std::vector<Site>* sites) {
  if (read.empty() || close.empty()) return;
  Append(std::move(read), sites);
  Append(std::move(close), sites);
  Append(std::move(gzip), sites);
}

}  // namespace

bool IsResponseSite(SiteKind kind) {
  switch (kind) {
    case SiteKind::kServerFirstByte:
    case SiteKind::kHttp2ServerFirstByte:
    case SiteKind::kClientBodyRead:
    case SiteKind::kClientBodyCause:
    case SiteKind::kClientBodyClose:
    case SiteKind::kHttp2ClientBodyRead:
    case SiteKind::kHttp2ClientBodyClose:
    case SiteKind::kClientGzipBody:
      return true;
    default:
      return false;
  }
}

bool ResponseSiteLiesIn(SiteKind kind, std::string_view function) {
  const Http2Names* names = Http2NamesWith(function);
  switch (kind) {
    case SiteKind::kServerFirstByte:
      return function == kWriteHeader;
    case SiteKind::kClientBodyRead:
    case SiteKind::kClientBodyCause:
      return function.starts_with(kReadLoopFunctions);
    case SiteKind::kClientBodyClose:
      return function == kBodyClose;
    case SiteKind::kHttp2ServerFirstByte:
      return names != nullptr && function == names->write_headers_function;
    case SiteKind::kHttp2ClientBodyRead:
      return names != nullptr && function == names->body_read_function;
    case SiteKind::kHttp2ClientBodyClose:
      return names != nullptr && function == names->body_close_function;
    case SiteKind::kClientGzipBody:
      return names != nullptr && function == names->gzip_close_function;
    default:
      return false;
  }
}

std::vector<SitePlan> PlanBodyRead(const ControlFlow& flow, CallAbi abi) {
  const std::vector<size_t> calls = flow.CallsTo(kCanceled);
  if (calls.size() != 1) return {};
  const std::optional<size_t> entry = NodeInPrologue(flow, abi);
  const std::optional<size_t> cause = TestOfFirstResult(flow, calls.front(), abi);
  if (!entry || !cause) return {};
  return {
      {SiteKind::kClientBodyRead, *entry, false, ArgumentsOf(SiteKind::kClientBodyRead, abi)},
      {SiteKind::kClientBodyCause, *cause, false, ArgumentsOf(SiteKind::kClientBodyCause, abi)}};
}

absl::StatusOr<std::vector<Site>> FindFirstByteSites(const elf::ElfFile& file,
                                                     const elf::GoFunctions& functions,
                                                     CallAbi abi) {
  ASSIGN_OR_RETURN(std::vector<Site> sites,
                   SiteInPrologue(file, functions, kWriteHeader, SiteKind::kServerFirstByte, abi));
  for (const Http2Names& names : AllHttp2Names()) {
    ASSIGN_OR_RETURN(std::vector<Site> site,
                     SiteInPrologue(file, functions, names.write_headers_function,
                                    SiteKind::kHttp2ServerFirstByte, abi));
    Append(std::move(site), &sites);
  }
  return sites;
}

absl::StatusOr<std::vector<Site>> FindClientBodySites(const elf::ElfFile& file,
                                                      const elf::GoFunctions& functions,
                                                      CallAbi abi) {
  std::vector<Site> sites;
  ASSIGN_OR_RETURN(std::vector<Site> read, FindBodyRead(file, functions, abi));
  ASSIGN_OR_RETURN(std::vector<Site> close,
                   SiteInPrologue(file, functions, kBodyClose, SiteKind::kClientBodyClose, abi));
  AddBodies(std::move(read), std::move(close), {}, &sites);
  for (const Http2Names& names : AllHttp2Names()) {
    ASSIGN_OR_RETURN(read, SiteInPrologue(file, functions, names.body_read_function,
                                          SiteKind::kHttp2ClientBodyRead, abi));
    ASSIGN_OR_RETURN(close, SiteInPrologue(file, functions, names.body_close_function,
                                           SiteKind::kHttp2ClientBodyClose, abi));
    ASSIGN_OR_RETURN(
        std::vector<Site> gzip,
        SiteInPrologue(file, functions, names.gzip_close_function, SiteKind::kClientGzipBody, abi));
    AddBodies(std::move(read), std::move(close), std::move(gzip), &sites);
  }
  return sites;
}

bool KnowsFirstByte(const Profile& profile) {
  return HasKind(profile, SiteKind::kServerFirstByte) &&
         HasField(profile, UP_FIELD_CHUNK_WRITER_RES);
}

bool KnowsClientBodies(const Profile& profile) {
  return HasKind(profile, SiteKind::kClientBodyRead) &&
         HasField(profile, UP_FIELD_CLIENT_RESPONSE_BODY) &&
         HasField(profile, UP_FIELD_BODY_EOF_SIGNAL_FN);
}

std::optional<std::string> ResponseFlaw(const Profile& profile) {
  std::set<SiteKind> kinds;
  for (const Site& site : profile.sites) kinds.insert(site.kind);
  const bool read = kinds.contains(SiteKind::kClientBodyRead);
  const bool http2_read = kinds.contains(SiteKind::kHttp2ClientBodyRead);
  if (read != kinds.contains(SiteKind::kClientBodyCause) ||
      read != kinds.contains(SiteKind::kClientBodyClose) ||
      http2_read != kinds.contains(SiteKind::kHttp2ClientBodyClose)) {
    return "the sites of a client's bodies lack one of their ends";
  }
  return std::nullopt;
}

}  // namespace uprobed::profile
