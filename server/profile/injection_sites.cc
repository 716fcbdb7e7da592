#include "server/profile/injection_sites.h"

#include <algorithm>
#include <iterator>

#include "server/profile/fields.h"
#include "server/profile/site_code.h"

namespace uprobed::profile {
namespace {

// What (*Request).write calls, in this order: for the request line, Host and User-Agent; for what
// tells of the body; for the headers; for the empty line (src/net/http/request.go).
constexpr char kWriteLine[] = "fmt.Fprintf";
constexpr char kWriteBodyHeaders[] = "net/http.(*transferWriter).writeHeader";
constexpr char kWriteHeaders[] = "net/http.Header.writeSubset";
constexpr char kWriteEmptyLine[] = "io.WriteString";

bool MeetsAny(const NodeSet& set, const std::vector<size_t>& nodes) {
  return std::any_of(nodes.begin(), nodes.end(), [&set](size_t node) { return set[node]; });
}

}  // namespace

std::optional<SitePlan> PlanClientHeaders(const ControlFlow& flow, CallAbi abi) {
  const std::vector<size_t> calls = flow.CallsTo(kWriteBodyHeaders);
  const std::vector<size_t> lines = flow.CallsTo(kWriteLine);
  const std::vector<size_t> headers = flow.CallsTo(kWriteHeaders);
  const std::vector<size_t> ends = flow.CallsTo(kWriteEmptyLine);
  if (calls.size() != 1 || lines.empty() || headers.empty() || ends.empty()) return std::nullopt;
  const size_t call = calls.front();
  const NodeSet before =
      flow.ReachableFrom({0}, [call](ControlFlow::Edge edge) { return edge.to == call; });
  const NodeSet behind = flow.ReachableFrom(flow.successors(call));
  const NodeSet without_lines = flow.ReachableFrom({0}, [&lines](ControlFlow::Edge edge) {
    return std::find(lines.begin(), lines.end(), edge.to) != lines.end();
  });
  if (MeetsAny(before, headers) || MeetsAny(before, ends) || MeetsAny(behind, lines) ||
      behind[call] || without_lines[call]) {
    return std::nullopt;
  }
  return SitePlan{SiteKind::kClientHeaders, call, false,
                  ArgumentsOf(SiteKind::kClientHeaders, abi)};
}

absl::StatusOr<std::vector<Site>> FindInjectionSites(const elf::ElfFile& file,
                                                     const elf::GoFunctions& functions,
                                                     CallAbi abi) {
  const absl::StatusOr<ControlFlow> flow = ReadFunction(file, functions, kWriteRequestFunction);
  if (!flow.ok()) {
    if (absl::IsFailedPrecondition(flow.status())) return std::vector<Site>();
    return flow.status();
  }
  const std::optional<SitePlan> plan = PlanClientHeaders(*flow, abi);
  if (!plan) return std::vector<Site>();
  return MakeSites(file, *flow, {*plan});
}

bool KnowsInjection(const Profile& profile) {
  const auto has = [&profile](SiteKind kind) {
    return std::any_of(profile.sites.begin(), profile.sites.end(),
                       [kind](const Site& site) { return site.kind == kind; });
  };
  constexpr up_field kOnTheWay[] = {UP_FIELD_REQUEST_HEADER, UP_FIELD_PERSIST_CONN_BW,
                                    UP_FIELD_BUFIO_WRITER_ERR, UP_FIELD_BUFIO_WRITER_BUF,
                                    UP_FIELD_BUFIO_WRITER_N};
  return has(SiteKind::kClientConnection) && has(SiteKind::kClientHeaders) &&
         std::all_of(std::begin(kOnTheWay), std::end(kOnTheWay), [&profile](up_field field) {
           return profile.fields.contains(FieldKey(AllFields()[field]));
         });
}

}  // namespace uprobed::profile
