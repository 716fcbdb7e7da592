#include "client/render_profile.h"

#include <algorithm>
#include <map>

#include "client/escape.h"
#include "client/format.h"
#include "client/parse.h"
#include "client/table.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace uprobed::client {
namespace {

constexpr std::string_view kProfilePrefix = "profiles/";
using Site = v1::Profile::Site;

std::string SourceName(v1::Profile::Source source) {
  switch (source) {
    case v1::Profile::SOURCE_SYMTAB:
      return "symbol table";
    case v1::Profile::SOURCE_PCLNTAB:
      return "pclntab";
    case v1::Profile::SOURCE_DWARF:
      return "DWARF";
    case v1::Profile::SOURCE_TABLE:
      return "table";
    case v1::Profile::SOURCE_DISASSEMBLY:
      return "disassembly";
    case v1::Profile::SOURCE_BUILD_INFO:
      return "build info";
    default:
      return "";
  }
}

Cell CostOf(const Site& site) {
  switch (site.cost_class()) {
    case Site::COST_CLASS_EMULATED:
      return {"emulated", Colour::kGreen};
    case Site::COST_CLASS_SINGLE_STEPPED:
      return {"single-stepped", Colour::kYellow};
    default:
      return {"unknown", Colour::kRed};
  }
}

std::string ArgumentsOf(const Site& site) {
  std::vector<std::string> parts;
  for (const v1::Profile::ArgumentLocation& argument : site.arguments()) {
    const bool in_register =
        argument.location_case() == v1::Profile::ArgumentLocation::kRegisterName;
    parts.push_back(in_register
                        ? fmt::format("{}={}", argument.name(), argument.register_name())
                        : fmt::format("{}=[sp{:+#x}]", argument.name(), argument.stack_offset()));
  }
  return fmt::format("{}", fmt::join(parts, " "));
}

size_t CountSingleStepped(const v1::Profile& profile) {
  size_t count = 0;
  for (const Site& site : profile.sites()) {
    if (site.cost_class() == Site::COST_CLASS_SINGLE_STEPPED) ++count;
  }
  return count;
}

Cell TrustOf(const v1::Profile& profile) {
  switch (profile.trust()) {
    case v1::Profile::TRUST_CONSISTENT:
      return {"consistent", Colour::kGreen};
    case v1::Profile::TRUST_SUSPECT:
      return {"suspect", Colour::kRed};
    default:
      return {"", Colour::kNone};
  }
}

// "table, disassembly": the sources that say what `field` says.
std::string AgreeingSources(const v1::Profile::FieldOffset& field) {
  std::vector<std::string> names;
  for (const v1::Profile::Evidence& evidence : field.others()) {
    if (evidence.offset() == field.offset()) names.push_back(SourceName(evidence.source()));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

// "disassembly: 128"
std::string DisagreeingSources(const v1::Profile::FieldOffset& field) {
  std::vector<std::string> parts;
  for (const v1::Profile::Evidence& evidence : field.others()) {
    if (evidence.offset() == field.offset()) continue;
    parts.push_back(fmt::format("{}: {}", SourceName(evidence.source()), evidence.offset()));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

// Headers are read where the structs of maps are known.
std::string MapsOf(const v1::Profile& profile) {
  const std::string_view needed =
      profile.map_kind() == "swiss" ? "internal/runtime/maps.Map.dirPtr" : "runtime.hmap.buckets";
  const bool known = profile.fields().contains(std::string(needed));
  return known ? profile.map_kind()
               : fmt::format("{}, of unknown layout: traceparent headers are not read",
                             profile.map_kind());
}

void PrintBinary(Terminal& terminal, const v1::Profile& profile) {
  Details details;
  details.Add("name", profile.name());
  details.Add("binary", profile.binary_path());
  details.Add("size", FormatBytes(profile.size_bytes()));
  details.Add("go", fmt::format("{} {}", profile.go_version(), profile.architecture()));
  details.Add("module", profile.main_module());
  details.Add("go build id", profile.go_build_id());
  details.Add("gnu build id", profile.gnu_build_id());
  details.Add("sha256", profile.content_sha256());
  details.Add("kind", fmt::format("{}{}", profile.position_independent() ? "PIE" : "not PIE",
                                  profile.stripped() ? ", stripped" : ""));
  details.Add("functions from", SourceName(profile.symbol_source()));
  details.Add("maps", MapsOf(profile));
  details.Add("offsets", TrustOf(profile));
  details.Add("resolver", fmt::format("revision {}{}", profile.resolver_revision(),
                                      profile.imported() ? ", imported" : ""));
  details.Add("created", FormatTime(profile.create_time()));
  details.Print(terminal);
}

Cell VerdictOf(const v1::Profile::FieldOffset& field) {
  switch (field.verdict()) {
    case v1::Profile::FieldOffset::VERDICT_VERIFIED:
      return {"verified", Colour::kGreen};
    case v1::Profile::FieldOffset::VERDICT_SUSPECT:
      return {"suspect", Colour::kYellow};
    case v1::Profile::FieldOffset::VERDICT_REFUTED:
      return {"refuted", Colour::kRed};
    default:
      return {""};
  }
}

void PrintSites(Terminal& terminal, const v1::Profile& profile) {
  Table table({"KIND", "FUNCTION+OFFSET", "INSTRUCTION", "COST", "ARGUMENTS"});
  for (const Site& site : profile.sites()) {
    table.AddRow({site.kind(), fmt::format("{}+{:#x}", site.function(), site.function_offset()),
                  site.instruction(), CostOf(site), ArgumentsOf(site)});
  }
  if (table.empty()) return;
  terminal.Line("");
  table.Print(terminal);
}

void PrintFields(Terminal& terminal, const v1::Profile& profile) {
  Table table({"FIELD", Column("OFFSET", Align::kRight), "SOURCE", "AGREEING", "DISAGREEING",
               "REQUESTS SHOW"});
  // A protobuf map has no order.
  const std::map<std::string, v1::Profile::FieldOffset> fields(profile.fields().begin(),
                                                               profile.fields().end());
  for (const auto& [name, field] : fields) {
    table.AddRow({name, fmt::format("{}", field.offset()), SourceName(field.source()),
                  AgreeingSources(field), Cell(DisagreeingSources(field), Colour::kRed),
                  VerdictOf(field)});
  }
  if (table.empty()) return;
  terminal.Line("");
  table.Print(terminal);
}

void PrintAbsences(Terminal& terminal, const v1::Profile& profile) {
  if (!profile.absences().empty()) terminal.Line("");
  for (const v1::Profile::Absence& absence : profile.absences()) {
    terminal.Line(fmt::format("{} {}: {}: {}", terminal.Paint(Colour::kYellow, "absent"),
                              InstrumentationName(absence.instrumentation()),
                              EscapeUntrusted(absence.reason()),
                              EscapeUntrusted(absence.message())));
  }
}

void PrintDisagreements(Terminal& terminal, const v1::Profile& profile) {
  if (!profile.disagreements().empty()) terminal.Line("");
  for (const v1::Profile::Disagreement& disagreement : profile.disagreements()) {
    terminal.Line(fmt::format("{} {}: {}", terminal.Paint(Colour::kRed, "suspect"),
                              EscapeUntrusted(disagreement.reason()),
                              EscapeUntrusted(disagreement.message())));
  }
}

}  // namespace

std::string ProfileId(std::string_view name) {
  if (name.substr(0, kProfilePrefix.size()) == kProfilePrefix) {
    name.remove_prefix(kProfilePrefix.size());
  }
  return std::string(name);
}

void PrintProfiles(Terminal& terminal, const std::vector<v1::Profile>& profiles,
                   std::chrono::system_clock::time_point now) {
  Table table({"NAME", "GO", "ARCH", "BINARY", "ORIGIN", Column("AGE", Align::kRight)});
  for (const v1::Profile& profile : profiles) {
    table.AddRow({ProfileId(profile.name()), profile.go_version(), profile.architecture(),
                  profile.binary_path(), profile.imported() ? "imported" : "resolved",
                  FormatAge(profile.create_time(), now)});
  }
  table.Print(terminal);
}

void PrintProfile(Terminal& terminal, const v1::Profile& profile) {
  PrintBinary(terminal, profile);
  PrintSites(terminal, profile);
  PrintFields(terminal, profile);
  PrintDisagreements(terminal, profile);
  PrintAbsences(terminal, profile);
}

void PrintResolved(Terminal& terminal, const v1::ResolveProfileResponse& response) {
  const v1::Profile& profile = response.profile();
  const size_t single_stepped = CountSingleStepped(profile);
  terminal.Line(fmt::format(
      "{}: {}, {} sites ({}), {} fields, {}", EscapeUntrusted(profile.name()),
      EscapeUntrusted(profile.go_version()), profile.sites_size(),
      single_stepped == 0 ? "all emulated" : fmt::format("{} single-stepped", single_stepped),
      profile.fields_size(), response.from_store() ? "from the store" : "analysed now"));
  PrintDisagreements(terminal, profile);
  PrintAbsences(terminal, profile);
}

}  // namespace uprobed::client
