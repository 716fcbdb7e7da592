#include <filesystem>
#include <fstream>
#include <sstream>

#include "gmock/gmock.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "tests/unit/client/fake_daemon.h"

namespace uprobed::client {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kId = "0123456789abcdef0123456789abcdef";
constexpr const char* kName = "profiles/0123456789abcdef0123456789abcdef";

v1::Profile MakeProfile() {
  v1::Profile profile;
  profile.set_name(kName);
  profile.set_go_version("go1.24.12");
  profile.set_architecture("amd64");
  profile.set_binary_path("/srv/shop");
  v1::Profile::Site* site = profile.add_sites();
  site->set_kind("server_start");
  site->set_function("net/http.serverHandler.ServeHTTP");
  site->set_function_offset(4);
  site->set_instruction("jbe 0x1234");
  site->set_cost_class(v1::Profile::Site::COST_CLASS_EMULATED);
  v1::Profile::ArgumentLocation* argument = site->add_arguments();
  argument->set_name("request");
  argument->set_register_name("rdi");
  argument = site->add_arguments();
  argument->set_name("writer");
  argument->set_stack_offset(-16);
  v1::Profile::FieldOffset field;
  field.set_offset(16);
  field.set_source(v1::Profile::SOURCE_DWARF);
  field.add_others()->set_source(v1::Profile::SOURCE_TABLE);
  field.mutable_others(0)->set_offset(16);
  field.add_others()->set_source(v1::Profile::SOURCE_DISASSEMBLY);
  field.mutable_others(1)->set_offset(16);
  (*profile.mutable_fields())["net/http.Request.URL"] = field;
  field.clear_others();
  field.set_offset(0);
  field.set_source(v1::Profile::SOURCE_TABLE);
  field.set_verdict(v1::Profile::FieldOffset::VERDICT_REFUTED);
  (*profile.mutable_fields())["net/http.Request.Method"] = field;
  v1::Profile::Absence* absence = profile.add_absences();
  absence->set_instrumentation(v1::INSTRUMENTATION_HTTP_CLIENT);
  absence->set_reason("FUNCTION_MISSING");
  absence->set_message("never called");
  return profile;
}

TEST(ProfileShow, ListsEverySiteWithItsCostAndEveryField) {
  FakeDaemon daemon;
  daemon.script.profile = MakeProfile();
  const CommandResult result = RunCommand(daemon, {"profile", "show", kId});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(daemon.script.get_profile.name(), kName);
  EXPECT_THAT(
      result.out,
      HasSubstr("\n"
                "KIND          FUNCTION+OFFSET                       INSTRUCTION  COST      "
                "ARGUMENTS\n"
                "server_start  net/http.serverHandler.ServeHTTP+0x4  jbe 0x1234   emulated  "
                "request=rdi writer=[sp-0x10]\n"
                "\n"
                "FIELD                    OFFSET  SOURCE  AGREEING            DISAGREEING  "
                "REQUESTS SHOW\n"
                "net/http.Request.Method       0  table   -                   -            "
                "refuted\n"
                "net/http.Request.URL         16  DWARF   table, disassembly  -            -\n"
                "\n"
                "absent http_client: FUNCTION_MISSING: never called\n"));
}

TEST(ProfileShow, SaysAboutWhatTheSourcesDisagree) {
  FakeDaemon daemon;
  daemon.script.profile = MakeProfile();
  (*daemon.script.profile.mutable_fields())["net/http.Request.URL"].mutable_others(1)->set_offset(
      24);
  daemon.script.profile.set_trust(v1::Profile::TRUST_SUSPECT);
  v1::Profile::Disagreement* disagreement = daemon.script.profile.add_disagreements();
  disagreement->set_field("net/http.Request.URL");
  disagreement->set_reason("OFFSETS_DISAGREE");
  disagreement->set_message("dwarf says 16, disassembly says 24");
  const CommandResult result = RunCommand(daemon, {"profile", "show", kId});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, ContainsRegex("offsets: +suspect\n"));
  EXPECT_THAT(result.out,
              HasSubstr("net/http.Request.URL         16  DWARF   table     disassembly: 24  -\n"
                        "\n"
                        "suspect OFFSETS_DISAGREE: dwarf says 16, disassembly says 24\n"));
}

TEST(ProfileShow, TakesTheStartOfAName) {
  FakeDaemon daemon;
  daemon.script.profile = MakeProfile();
  *daemon.script.profiles.add_profiles() = MakeProfile();
  daemon.script.profiles.add_profiles()->set_name("profiles/0fff456789abcdef0123456789abcdef");
  EXPECT_EQ(RunCommand(daemon, {"profile", "show", "0123"}).exit_code, 0);
  EXPECT_EQ(daemon.script.get_profile.name(), kName);
  const CommandResult ambiguous = RunCommand(daemon, {"profile", "show", "profiles/0"});
  EXPECT_EQ(ambiguous.exit_code, 2);
  EXPECT_THAT(ambiguous.err, HasSubstr("PROFILE_NAME_AMBIGUOUS"));
  const CommandResult missing = RunCommand(daemon, {"profile", "show", "9"});
  EXPECT_EQ(missing.exit_code, 5);
  EXPECT_THAT(missing.err, HasSubstr("uprobectl profile list"));
}

TEST(ProfileShow, ResolvesAPath) {
  FakeDaemon daemon;
  *daemon.script.resolved.mutable_profile() = MakeProfile();
  const CommandResult result = RunCommand(daemon, {"profile", "show", "/srv/shop", "-o", "json"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(daemon.script.resolve_profile.binary_path(), "/srv/shop");
  EXPECT_TRUE(IsJsonObject(result.out));
}

TEST(ProfileResolve, SaysWhatWasFoundAndWhence) {
  FakeDaemon daemon;
  *daemon.script.resolved.mutable_profile() = MakeProfile();
  daemon.script.resolved.set_from_store(true);
  const CommandResult result =
      RunCommand(daemon, {"profile", "resolve", "--pid", "7", "--refresh"});
  EXPECT_EQ(daemon.script.resolve_profile.pid(), 7);
  EXPECT_TRUE(daemon.script.resolve_profile.refresh());
  EXPECT_THAT(result.out, HasSubstr("go1.24.12, 1 sites (all emulated), 2 fields, from the store"));
  daemon.script.resolved.mutable_profile()->mutable_sites(0)->set_cost_class(
      v1::Profile::Site::COST_CLASS_SINGLE_STEPPED);
  EXPECT_THAT(RunCommand(daemon, {"profile", "resolve", "/x"}).out, HasSubstr("1 single-stepped"));
}

TEST(ProfileList, IsATable) {
  FakeDaemon daemon;
  *daemon.script.profiles.add_profiles() = MakeProfile();
  EXPECT_EQ(RunCommand(daemon, {"profile", "list"}).out,
            "NAME                              GO         ARCH   BINARY     ORIGIN    AGE\n"
            "0123456789abcdef0123456789abcdef  go1.24.12  amd64  /srv/shop  resolved    -\n");
}

TEST(ProfileExport, GoesThroughAFileIntoAnImport) {
  FakeDaemon daemon;
  *daemon.script.exported.add_profiles() = MakeProfile();
  daemon.script.imported.add_names(kName);
  const std::string file = daemon.directory().File("profiles.json");
  const CommandResult exported = RunCommand(daemon, {"profile", "export", kId, "--file", file});
  EXPECT_EQ(exported.exit_code, 0) << exported.err;
  EXPECT_THAT(daemon.script.export_profiles.names(), ElementsAre(kName));
  const CommandResult imported = RunCommand(
      daemon, {"profile", "import", file, "--force", "--dry-run", "--verify", "/srv/shop"});
  EXPECT_EQ(imported.exit_code, 0) << imported.err;
  EXPECT_EQ(imported.out, std::string(kName) + " would be imported\n");
  const v1::ImportProfilesRequest& request = daemon.script.import_profiles;
  ASSERT_EQ(request.profiles_size(), 1);
  EXPECT_TRUE(
      google::protobuf::util::MessageDifferencer::Equals(request.profiles(0), MakeProfile()));
  EXPECT_TRUE(request.force());
  EXPECT_TRUE(request.validate_only());
  EXPECT_EQ(request.verify_binary_path(), "/srv/shop");
}

TEST(ProfileExport, GoesThroughStdoutIntoStdin) {
  FakeDaemon daemon;
  *daemon.script.exported.add_profiles() = MakeProfile();
  CommandOptions options;
  options.input = RunCommand(daemon, {"profile", "export"}).out;
  EXPECT_EQ(RunCommand(daemon, {"profile", "import", "-"}, options).exit_code, 0);
  EXPECT_EQ(daemon.script.import_profiles.profiles(0).name(), kName);
}

TEST(ProfileExport, LeavesTheOldFileWhereItCannotWrite) {
  FakeDaemon daemon;
  const CommandResult result =
      RunCommand(daemon, {"profile", "export", "--file", daemon.directory().File("none/x.json")});
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_THAT(result.err, HasSubstr("reason: OUTPUT_FAILED"));
}

TEST(ProfileExport, WritesThroughASymbolicLinkAndKeepsIt) {
  FakeDaemon daemon;
  *daemon.script.exported.add_profiles() = MakeProfile();
  const std::string file = daemon.directory().Write("real.json", "old");
  const std::string link = daemon.directory().File("link.json");
  std::filesystem::create_symlink(file, link);
  EXPECT_EQ(RunCommand(daemon, {"profile", "export", "--file", link}).exit_code, 0);
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  std::ifstream stream(file);
  std::stringstream content;
  content << stream.rdbuf();
  EXPECT_THAT(content.str(), HasSubstr(kName));
}

TEST(ProfileExport, WritesIntoADeviceAndKeepsIt) {
  FakeDaemon daemon;
  EXPECT_EQ(RunCommand(daemon, {"profile", "export", "--file", "/dev/null"}).exit_code, 0);
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

TEST(ProfileImport, RefusesWhatHoldsNoProfiles) {
  FakeDaemon daemon;
  for (const char* content : {"", "not json", "{\"profiles\": []}", "{\"profile\": []}",
                              "{\"profiles\": [{\"name\": 7}]}", "[]"}) {
    const std::string file = daemon.directory().Write("bad.json", content);
    const CommandResult result = RunCommand(daemon, {"profile", "import", file});
    EXPECT_EQ(result.exit_code, 2) << content;
    EXPECT_THAT(result.err, AllOf(HasSubstr("INPUT_MALFORMED"), HasSubstr("profile export")))
        << content;
  }
  EXPECT_EQ(daemon.script.import_profiles.profiles_size(), 0);
}

TEST(ProfileImport, SaysWhyTheFileCannotBeRead) {
  FakeDaemon daemon;
  const CommandResult missing =
      RunCommand(daemon, {"profile", "import", daemon.directory().File("none")});
  EXPECT_EQ(missing.exit_code, 5);
  EXPECT_THAT(missing.err, HasSubstr("No such file"));
  const CommandResult directory =
      RunCommand(daemon, {"profile", "import", daemon.directory().path().string()});
  EXPECT_EQ(directory.exit_code, 2);
  EXPECT_THAT(directory.err, HasSubstr("is a directory"));
}

TEST(ProfileVerify, ThatFindsADifferenceExitsWith7) {
  FakeDaemon daemon;
  daemon.script.verified.set_reason("PROFILE_BYTES_MISMATCH");
  daemon.script.verified.set_message("byte 3 differs");
  const CommandResult differs =
      RunCommand(daemon, {"profile", "verify", kId, "--binary", "/srv/shop"});
  EXPECT_EQ(differs.exit_code, 7);
  EXPECT_EQ(daemon.script.verify_profile.binary_path(), "/srv/shop");
  EXPECT_THAT(differs.err, AllOf(HasSubstr("error: byte 3 differs"), HasSubstr("--refresh")));
  daemon.script.verified.set_matches(true);
  const CommandResult matches = RunCommand(daemon, {"profile", "verify", kId});
  EXPECT_EQ(matches.exit_code, 0);
  EXPECT_THAT(matches.out, HasSubstr("matches its binary"));
}

TEST(ProfileDelete, NamesTheProfile) {
  FakeDaemon daemon;
  EXPECT_EQ(RunCommand(daemon, {"profile", "delete", kName}).exit_code, 0);
  EXPECT_EQ(daemon.script.delete_profile.name(), kName);
}

}  // namespace
}  // namespace uprobed::client
