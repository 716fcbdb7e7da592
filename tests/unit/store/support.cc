#include "tests/unit/store/support.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <utility>

#include "server/store/database_opener.h"

namespace uprobed::store {
namespace {

using profile::ArgumentLocation;
using profile::CostClass;
using profile::Instrumentation;
using profile::SiteKind;
using profile::Source;

template <typename T>
T ValueOrDie(absl::StatusOr<T> result) {
  if (!result.ok()) {
    ADD_FAILURE() << result.status();
    std::abort();
  }
  return *std::move(result);
}

}  // namespace

TempDir::TempDir() {
  std::string pattern = (std::filesystem::temp_directory_path() / "uprobed-store-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) std::abort();
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDir::Listing() const {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path_)) {
    names.insert(entry.path().filename().string());
  }
  std::string listing;
  for (const std::string& name : names) listing += (listing.empty() ? "" : " ") + name;
  return listing;
}

profile::Profile FullProfile(char digit) {
  profile::Profile profile;
  profile.identity = {.go_build_id = "abc/def/ghi",
                      .gnu_build_id = "0011",
                      .sha256 = std::string(64, digit),
                      .size = 0xffff'ffff'ffff'fff0};
  profile.resolver_revision = 7;
  profile.go_version = "go1.24.12";
  profile.architecture = "amd64";
  profile.main_module = "example.com/shop";
  profile.modules = {{"example.com/a", "v1.0.0"}, {"golang.org/x/net", "v0.30.0"}};
  profile.position_independent = true;
  profile.stripped = true;
  profile.symbol_source = Source::kPclntab;
  profile.map_kind = profile::MapKind::kSwiss;
  profile.sites = {{.kind = SiteKind::kServerStart,
                    .function = "net/http.serverHandler.ServeHTTP",
                    .virtual_address = 0xffff'8000'0000'1004,
                    .file_offset = 0x1004,
                    .function_offset = 4,
                    .bytes = {0x76, 0x00, 0xff},
                    .instruction = "jbe 0x10",
                    .cost = CostClass::kEmulated,
                    .condition = 0,
                    .ends_when_taken = false,
                    .arguments = {{"response", ArgumentLocation::Kind::kRegister, "rbx", 0},
                                  {"request", ArgumentLocation::Kind::kStack, "", -16}}},
                   {.kind = SiteKind::kClientBranch,
                    .function = "net/http.(*Transport).roundTrip",
                    .virtual_address = 0x40'2000,
                    .file_offset = 0x2000,
                    .function_offset = 0xffff'ffff,
                    .bytes = {},
                    .instruction = "jne 0x20",
                    .cost = CostClass::kSingleStepped,
                    .condition = 0x7fff,
                    .ends_when_taken = true,
                    .arguments = {}}};
  profile.fields = {
      {"net/http.Request.Method", {0, Source::kDwarf, {}}},
      {"net/http.Request.URL", {0xffff'ffff, Source::kTable, {{Source::kDisassembly, 16}}}},
      {"net/http.response.status",
       {120, Source::kDwarf, {{Source::kTable, 120}, {Source::kDisassembly, 128}}}}};
  profile.verdicts = {{"net/http.Request.Method", FieldVerdict::kVerified},
                      {"net/http.response.status", FieldVerdict::kRefuted}};
  profile.error_methods = {{0x401000, "net.(*OpError).Error"},
                           {0xffff'ffff'8000'0000, "main.refusal.Error"}};
  profile.absences = {
      {Instrumentation::kHttpClient, "SITE_NOT_FOUND", "no call of RoundTrip was found"},
      {Instrumentation::kHttpServer, "NET_HTTP_MISSING", std::string("a\0b", 3)}};
  return profile;
}

std::string ProfileId(char digit) { return std::string(32, digit); }

ProbeRecord FullProbe(const std::string& id) {
  return {.id = id,
          .uid = "uid-of-" + id,
          .generation = 3,
          .spec = {.binary_path = "/srv/shop",
                   .pid = 0xffff'ffff,
                   .pid_start_time = 0xffff'ffff'ffff'ffff,
                   .boot_id = "b00t",
                   .instrumentations = {Instrumentation::kHttpClient, Instrumentation::kHttpServer},
                   .enabled = false,
                   .capture_query = true,
                   .stitch_traces = true,
                   .server_first_byte = true,
                   .client_body = true,
                   .framework_routes = true,
                   .inject_traceparent = true,
                   .handler_function = true,
                   .causality_goroutines = true,
                   .causality_channels = true,
                   .span_limits = {.methods = {"PUT", "GET"},
                                   .path_prefixes = {"/b", "/a"},
                                   .status_classes = 0x3f,
                                   .min_duration_ns = 86'400'000'000'000,
                                   .sample_ratio = 0.1,
                                   .spans_per_second = 0.001,
                                   .burst = 1'000'000,
                                   .only_while_streamed = true},
                   .max_overhead = 0.25,
                   .allow_suspect_profile = true,
                   .service_name = "shop"},
          .labels = {{"team", "orders"}, {"tier", "1"}},
          .create_time_unix_ns = kNow,
          .update_time_unix_ns = kNow + 1};
}

std::unique_ptr<Store> OpenStore(const std::string& path) {
  return ValueOrDie(Store::Open(path, kNow));
}

Database OpenSchema() {
  return ValueOrDie(OpenDatabase(std::string(kInMemory), EmbeddedMigrations(), kNow)).database;
}

void RunSql(const std::string& path, const std::string& sql) {
  if (!std::filesystem::exists(path)) WriteFile(path, "");
  Database database = ValueOrDie(Database::Open(path));
  EXPECT_TRUE(database.ExecuteScript(sql).ok());
}

int64_t QueryInteger(const std::string& path, const std::string& sql) {
  Database database = ValueOrDie(Database::Open(path));
  return ValueOrDie(database.Integer(sql));
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

void WriteFile(const std::string& path, std::string_view content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << content;
  EXPECT_TRUE(file.good()) << path;
}

std::string MessageOf(const absl::Status& status) { return std::string(status.message()); }

}  // namespace uprobed::store
