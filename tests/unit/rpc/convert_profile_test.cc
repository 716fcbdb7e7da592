#include "server/rpc/convert_profile.h"

#include <gtest/gtest.h>

#include <functional>

#include "server/base/errors.h"
#include "server/profile/error_methods.h"

namespace uprobed::rpc {
namespace {

profile::Profile Sample() {
  profile::Profile profile;
  profile.identity = {
      .go_build_id = "a/b", .gnu_build_id = "0a1b", .sha256 = std::string(64, 'a'), .size = 4096};
  profile.go_version = "go1.24.12";
  profile.architecture = "amd64";
  profile.main_module = "example.com/shop";
  profile.modules = {{"example.com/a", "v1.0.0"}};
  profile.position_independent = true;
  profile.stripped = true;
  profile.symbol_source = profile::Source::kPclntab;
  profile.map_kind = profile::MapKind::kSwiss;
  profile.sites.push_back({.kind = profile::SiteKind::kClientBranch,
                           .function = "net/http.(*Transport).roundTrip",
                           .virtual_address = 0x401000,
                           .file_offset = 0x1000,
                           .function_offset = 9,
                           .bytes = {0x76, 0xFF},
                           .instruction = "jbe",
                           .cost = profile::CostClass::kEmulated,
                           .condition = 6,
                           .ends_when_taken = true,
                           .arguments = {{.name = "request",
                                          .kind = profile::ArgumentLocation::Kind::kRegister,
                                          .register_name = "rax",
                                          .stack_offset = 0},
                                         {.name = "error",
                                          .kind = profile::ArgumentLocation::Kind::kStack,
                                          .register_name = "",
                                          .stack_offset = -8}}});
  profile.fields = {
      {"net/http.Request.Method",
       {.offset = 8,
        .source = profile::Source::kDwarf,
        .others = {{profile::Source::kTable, 8}, {profile::Source::kDisassembly, 8}}}}};
  profile.error_methods = {{0x401000, "net.(*OpError).Error"}, {0x402000, "main.refusal.Error"}};
  profile.absences = {{profile::Instrumentation::kHttpServer, "SITE_NOT_FOUND", "none"}};
  return profile;
}

TEST(Profile, SurvivesExportAndImport) {
  const auto imported = FromProto(ToProto(Sample()), "profiles[0]");
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(*imported, Sample());
}

TEST(Profile, TellsVerdictsAndTakesNone) {
  using FieldOffset = v1::Profile::FieldOffset;
  const std::pair<FieldVerdict, FieldOffset::Verdict> verdicts[] = {
      {FieldVerdict::kUnverified, FieldOffset::VERDICT_UNVERIFIED},
      {FieldVerdict::kVerified, FieldOffset::VERDICT_VERIFIED},
      {FieldVerdict::kSuspect, FieldOffset::VERDICT_SUSPECT},
      {FieldVerdict::kRefuted, FieldOffset::VERDICT_REFUTED}};
  for (const auto& [verdict, told] : verdicts) {
    profile::Profile profile = Sample();
    profile.verdicts = {{"net/http.Request.Method", verdict}};
    const v1::Profile proto = ToProto(profile);
    EXPECT_EQ(proto.fields().at("net/http.Request.Method").verdict(), told);
    EXPECT_EQ(*FromProto(proto, "profiles[0]"), Sample());
  }
}

profile::Profile Suspect() {
  profile::Profile profile = Sample();
  profile.fields["net/http.response.status"] = {.offset = 120,
                                                .source = profile::Source::kTable,
                                                .others = {{profile::Source::kDisassembly, 128}}};
  return profile;
}

TEST(Profile, SurvivesExportAndImportThoughSuspect) {
  const v1::Profile told = ToProto(Suspect());
  EXPECT_EQ(told.trust(), v1::Profile::TRUST_SUSPECT);
  ASSERT_EQ(told.disagreements_size(), 1);
  EXPECT_EQ(told.disagreements(0).field(), "net/http.response.status");
  EXPECT_EQ(told.disagreements(0).reason(), "OFFSETS_DISAGREE");
  EXPECT_EQ(told.disagreements(0).message(),
            "the offset of net/http.response.status: table says 120, disassembly says 128");

  const auto imported = FromProto(told, "profiles[0]");

  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(*imported, Suspect());
}

TEST(Profile, IsToldConsistentWhereItsSourcesAgree) {
  const v1::Profile told = ToProto(Sample());
  EXPECT_EQ(told.trust(), v1::Profile::TRUST_CONSISTENT);
  EXPECT_EQ(told.disagreements_size(), 0);
  EXPECT_EQ(told.fields().at("net/http.Request.Method").others_size(), 2);
}

TEST(Profile, MayBeImportedWithoutAWordOnTrust) {
  v1::Profile told = ToProto(Suspect());
  told.clear_trust();
  told.clear_disagreements();
  const auto imported = FromProto(told, "profiles[0]");
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(imported->trust(), profile::Trust::kSuspect);
}

TEST(Profile, SurvivesWithEachEnumValue) {
  for (const auto source :
       {profile::Source::kSymtab, profile::Source::kPclntab, profile::Source::kDwarf,
        profile::Source::kTable, profile::Source::kDisassembly, profile::Source::kBuildInfo}) {
    for (const auto cost : {profile::CostClass::kEmulated, profile::CostClass::kSingleStepped}) {
      profile::Profile profile = Sample();
      profile.symbol_source = source;
      profile.sites[0].cost = cost;
      profile.absences[0].instrumentation = profile::Instrumentation::kHttpClient;
      const auto imported = FromProto(ToProto(profile), "profiles[0]");
      ASSERT_TRUE(imported.ok()) << imported.status();
      EXPECT_EQ(*imported, profile);
    }
  }
}

TEST(Profile, TellsWhereItWasSeen) {
  v1::Profile told = ToProto(Sample());
  FillSummary({.id = Sample().identity.Id(),
               .identity = Sample().identity,
               .go_version = "go1.24.12",
               .binary_path = "/srv/shop",
               .create_time_unix_ns = 2'000'000'000,
               .imported = true},
              told);
  EXPECT_EQ(told.name(), "profiles/" + std::string(32, 'a'));
  EXPECT_EQ(told.binary_path(), "/srv/shop");
  EXPECT_EQ(told.create_time().seconds(), 2);
  EXPECT_TRUE(told.imported());
}

struct BadImport {
  const char* name;
  const char* field;
  std::function<void(v1::Profile&)> spoil;
  const char* reason = "PROFILE_MALFORMED";
};

class ProfileImportRefuses : public ::testing::TestWithParam<BadImport> {};

TEST_P(ProfileImportRefuses, AndNamesTheField) {
  v1::Profile profile = ToProto(Sample());
  GetParam().spoil(profile);
  const absl::Status status = FromProto(profile, "profiles[0]").status();
  EXPECT_EQ(ReasonOf(status), GetParam().reason) << status;
  EXPECT_EQ(MetadataOf(status)["field"], std::string("profiles[0].") + GetParam().field);
}

const std::string& LongText() {
  static const auto& text = *new std::string(kMaxImportedStringBytes + 1, 'x');
  return text;
}

const std::vector<BadImport>& BadImports() {
  static const auto& cases = *new std::vector<BadImport>{
      {"NoHash", "content_sha256", [](auto& p) { p.clear_content_sha256(); }},
      {"UpperCaseHash", "content_sha256",
       [](auto& p) { p.set_content_sha256(std::string(64, 'A')); }},
      {"NameOfAnotherHash", "name", [](auto& p) { p.set_name("profiles/" + std::string(32, 'b')); },
       "NAME_MALFORMED"},
      {"BuildIdNotHex", "gnu_build_id", [](auto& p) { p.set_gnu_build_id("xyz"); }},
      {"GoBuildIdTooLong", "go_build_id", [](auto& p) { p.set_go_build_id(LongText()); }},
      {"SizeNegative", "size_bytes", [](auto& p) { p.set_size_bytes(-1); }},
      {"SizeZero", "size_bytes", [](auto& p) { p.set_size_bytes(0); }},
      {"GoVersionTooLong", "go_version", [](auto& p) { p.set_go_version(LongText()); }},
      {"ArchitectureTooLong", "architecture", [](auto& p) { p.set_architecture(LongText()); }},
      {"MainModuleWithNul", "main_module",
       [](auto& p) { p.set_main_module(std::string("a\0b", 3)); }},
      {"SourceUnspecified", "symbol_source",
       [](auto& p) { p.set_symbol_source(v1::Profile::SOURCE_UNSPECIFIED); }},
      {"SourceUnknown", "symbol_source",
       [](auto& p) { p.set_symbol_source(static_cast<v1::Profile::Source>(99)); }},
      {"MapKindUnknown", "map_kind", [](auto& p) { p.set_map_kind("trees"); }},
      {"OtherRevision", "resolver_revision",
       [](auto& p) { p.set_resolver_revision(profile::kResolverRevision + 1); }},
      {"ModuleTooLong", "modules", [](auto& p) { (*p.mutable_modules())["m"] = LongText(); }},
      {"TooManyModules", "modules",
       [](auto& p) {
         for (int i = 0; i <= kMaxImportedModules; ++i) {
           (*p.mutable_modules())[std::to_string(i)] = "v";
         }
       }},
      {"FieldNameTooLong", "fields",
       [](auto& p) { (*p.mutable_fields())[LongText()].set_source(v1::Profile::SOURCE_DWARF); }},
      {"FieldSourceUnspecified", "fields", [](auto& p) { (*p.mutable_fields())["a"]; }},
      {"EvidenceSourceUnspecified", "fields",
       [](auto& p) { (*p.mutable_fields())["net/http.Request.Method"].add_others(); }},
      {"TooMuchEvidence", "fields",
       [](auto& p) {
         for (int i = 0; i <= kMaxImportedEvidence; ++i) {
           (*p.mutable_fields())["net/http.Request.Method"].add_others()->set_source(
               v1::Profile::SOURCE_TABLE);
         }
       }},
      {"SaidToBeConsistentThoughSuspect", "trust",
       [](auto& p) {
         (*p.mutable_fields())["net/http.Request.Method"].mutable_others(0)->set_offset(9);
       }},
      {"SaidToBeSuspectThoughConsistent", "trust",
       [](auto& p) { p.set_trust(v1::Profile::TRUST_SUSPECT); }},
      {"TrustUnknown", "trust", [](auto& p) { p.set_trust(static_cast<v1::Profile::Trust>(99)); }},
      {"TooManyFields", "fields",
       [](auto& p) {
         for (int i = 0; i <= kMaxImportedFields; ++i) {
           (*p.mutable_fields())[std::to_string(i)].set_source(v1::Profile::SOURCE_DWARF);
         }
       }},
      {"TooManySites", "sites",
       [](auto& p) {
         while (p.sites_size() <= kMaxImportedSites) *p.add_sites() = p.sites(0);
       }},
      {"SiteKindUnknown", "sites[0].kind", [](auto& p) { p.mutable_sites(0)->set_kind("x"); }},
      {"SiteCostUnspecified", "sites[0].cost_class",
       [](auto& p) { p.mutable_sites(0)->clear_cost_class(); }},
      {"SiteFunctionTooLong", "sites[0].function",
       [](auto& p) { p.mutable_sites(0)->set_function(LongText()); }},
      {"SiteTextTooLong", "sites[0].instruction",
       [](auto& p) { p.mutable_sites(0)->set_instruction(LongText()); }},
      {"SiteWithoutBytes", "sites[0].instruction_bytes",
       [](auto& p) { p.mutable_sites(0)->clear_instruction_bytes(); }},
      {"SiteWithTooManyBytes", "sites[0].instruction_bytes",
       [](auto& p) { p.mutable_sites(0)->set_instruction_bytes(std::string(16, 'x')); }},
      {"ConditionTooLarge", "sites[0].condition",
       [](auto& p) { p.mutable_sites(0)->set_condition(0x8000); }},
      {"TooManyArguments", "sites[0].arguments",
       [](auto& p) {
         for (int i = 0; i <= kMaxImportedArguments; ++i) {
           p.mutable_sites(0)->add_arguments()->set_stack_offset(0);
         }
       }},
      {"ArgumentNowhere", "sites[0].arguments[1]",
       [](auto& p) { p.mutable_sites(0)->mutable_arguments(1)->clear_location(); }},
      {"ArgumentNameTooLong", "sites[0].arguments[0].name",
       [](auto& p) { p.mutable_sites(0)->mutable_arguments(0)->set_name(LongText()); }},
      {"RegisterTooLong", "sites[0].arguments[0].register_name",
       [](auto& p) { p.mutable_sites(0)->mutable_arguments(0)->set_register_name(LongText()); }},
      {"TooManyAbsences", "absences",
       [](auto& p) {
         while (p.absences_size() <= kMaxImportedAbsences) *p.add_absences() = p.absences(0);
       }},
      {"AbsenceOfNothing", "absences",
       [](auto& p) { p.mutable_absences(0)->clear_instrumentation(); }},
      {"AbsenceReasonTooLong", "absences",
       [](auto& p) { p.mutable_absences(0)->set_reason(LongText()); }},
      {"AbsenceMessageTooLong", "absences",
       [](auto& p) { p.mutable_absences(0)->set_message(LongText()); }},
      {"TooManyErrorMethods", "error_methods",
       [](auto& p) {
         for (size_t i = 0; i <= profile::kMaxErrorMethods; ++i) p.add_error_methods();
       }},
      {"ErrorMethodNameTooLong", "error_methods",
       [](auto& p) { p.mutable_error_methods(0)->set_name(LongText()); }},
  };
  return cases;
}

INSTANTIATE_TEST_SUITE_P(All, ProfileImportRefuses, ::testing::ValuesIn(BadImports()),
                         [](const auto& bad_import) { return bad_import.param.name; });

}  // namespace
}  // namespace uprobed::rpc
