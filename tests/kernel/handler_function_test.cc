// The functions that serve requests: handlers of each kind, by each release of Go.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "tests/kernel/kernel_fixture.h"

namespace uprobed::testing {
namespace {

// Path -> function, of what tests/targets/handlers serves by a ServeMux.
const std::map<std::string, std::string>& Expected() {
  static const auto& expected = *new std::map<std::string, std::string>{
      {"/function", "main.serveFunction"},
      {"/method", "main.(*service).serveMethod"},
      {"/closure", "main.closure.func1"},
      {"/value", "main.(*value).ServeHTTP"},
      {"/pointer", "main.(*pointer).ServeHTTP"},
      {"/handle", "main.handle.ServeHTTP"},
      {"/asking", "main.(*asking).ServeHTTP"},
      {"/inner/leaf", "main.serveLeaf"},
      {"/prefix/stripped", "main.serveStripped"},
      {"/slash/leaf", "main.serveSlash"},
      {"/slash", "net/http.(*redirectHandler).ServeHTTP"},
      {"/inner/../function", "net/http.(*redirectHandler).ServeHTTP"},
      {"/timeout", "net/http.(*timeoutHandler).ServeHTTP"},
      {"/panic", "main.servePanic"},
      {"/missing", "net/http.NotFound"}};
  return expected;
}

class HandlerFunctions : public KernelTest,
                         public ::testing::WithParamInterface<std::filesystem::path> {
 protected:
  void TearDown() override { ExpectBalance(attachment_.get()); }

  void Start(const std::vector<std::string>& options, bool asked = true) {
    const std::string path = OwnCopy(GetParam());
    handler_function_ = asked;
    attachment_ = Attach(path);
    ASSERT_NE(attachment_, nullptr);
    std::vector<std::string> command = {path};
    command.insert(command.end(), options.begin(), options.end());
    server_ = ChildProcess::Start(command);
    ASSERT_TRUE(server_.has_value());
    const std::string line = server_->ReadLine();
    ASSERT_NE(line, "");
    address_ = line.substr(line.rfind(' ') + 1);
  }

  // The functions that have served `total` requests of `path` at least: Go's client sends one again
  // whose connection was closed by a panic, and follows redirects.
  std::set<std::string> FunctionsOf(const std::string& path, size_t total,
                                    const std::vector<std::string>& options = {}) {
    spans_.Clear();
    Load(scheme_ + address_ + path, static_cast<int>(total), 2, options);
    const std::vector<span::Span> spans = spans_.Wait(
        total, [&path](const span::Span& span) { return IsServer(span) && span.path == path; });
    EXPECT_GE(spans.size(), total) << path;
    std::set<std::string> functions;
    for (const span::Span& span : spans) functions.insert(span.function);
    return functions;
  }

  uint64_t Counter(up_counter counter) const { return attachment_->counters().value[counter]; }

  void ExpectNothingLeft() const {
    EXPECT_EQ(Counter(UP_COUNTER_LOST_RING_FULL), 0U);
    EXPECT_EQ(Counter(UP_COUNTER_LOST_NO_START), 0U);
    EXPECT_EQ(Counter(UP_COUNTER_LOST_ABANDONED), 0U);
    EXPECT_EQ(Counter(UP_COUNTER_FIELD_UNREAD), 0U);
    EXPECT_EQ(backend_.InFlight(), 0U);
  }

  using Functions = std::set<std::string>;
  std::unique_ptr<probe::Attachment> attachment_;
  std::optional<ChildProcess> server_;
  std::string address_;
  std::string scheme_ = "http://";
};

TEST_P(HandlerFunctions, AreThoseThatServeMuxHasFound) {
  for (const char* kind : {"mux", "default", "middleware"}) {
    SCOPED_TRACE(kind);
    ASSERT_NO_FATAL_FAILURE(Start({"-serve", kind}));

    for (const auto& [path, function] : Expected()) {
      EXPECT_EQ(FunctionsOf(path, 3), Functions{function}) << path;
    }
    EXPECT_EQ(attachment_->single_stepped_site_count(), 0U);
    ExpectNothingLeft();
    attachment_.reset();
  }
}

TEST_P(HandlerFunctions, AreTheServersOwnWhereThereIsNoServeMux) {
  for (const auto& [kind, function] :
       std::map<std::string, std::string>{{"function", "main.serveFunction"},
                                          {"method", "main.(*service).serveMethod"},
                                          {"pointer", "main.(*pointer).ServeHTTP"},
                                          {"value", "main.(*value).ServeHTTP"}}) {
    SCOPED_TRACE(kind);
    ASSERT_NO_FATAL_FAILURE(Start({"-serve", kind}));

    EXPECT_EQ(FunctionsOf("/any", 3), Functions{function});
    EXPECT_EQ(Counter(UP_COUNTER_HITS_SERVER_HANDLER), 0U);
    ExpectNothingLeft();
    attachment_.reset();
  }
}

TEST_P(HandlerFunctions, AreToldOverHttp2) {
  scheme_ = "https://";
  const std::vector<std::string> http2 = {"-http2", "-insecure"};
  ASSERT_NO_FATAL_FAILURE(Start({"-tls"}));
  for (const auto& [path, function] : Expected()) {
    EXPECT_EQ(FunctionsOf(path, 3, http2), Functions{function}) << path;
  }
  for (const span::Span& span : spans_.All()) EXPECT_EQ(span.protocol_version, "2");
  ExpectNothingLeft();
  attachment_.reset();

  ASSERT_NO_FATAL_FAILURE(Start({"-tls", "-serve", "pointer"}));
  EXPECT_EQ(FunctionsOf("/any", 3, http2), Functions{"main.(*pointer).ServeHTTP"});
  ExpectNothingLeft();
}

TEST_P(HandlerFunctions, AreEachRequestsOwnWhereManyAreServedAtOnce) {
  constexpr size_t kOfEach = 500;
  const std::vector<std::string> paths = {"/function",   "/method",          "/closure", "/value",
                                          "/inner/leaf", "/prefix/stripped", "/missing", "/asking"};
  ASSERT_NO_FATAL_FAILURE(Start({}));

  std::vector<ChildProcess> generators;
  for (const std::string& path : paths) {
    std::optional<ChildProcess> generator =
        ChildProcess::Start({(TargetsDir() / "loadgen").string(), "-url", scheme_ + address_ + path,
                             "-n", std::to_string(kOfEach), "-c", "8"});
    ASSERT_TRUE(generator.has_value());
    generators.push_back(*std::move(generator));
  }
  for (ChildProcess& generator : generators) {
    while (!generator.ReadLine().empty()) {
    }
    generator.Wait();
  }

  const std::vector<span::Span> spans = spans_.Wait(paths.size() * kOfEach, IsServer);
  ASSERT_EQ(spans.size(), paths.size() * kOfEach);
  for (const span::Span& span : spans) EXPECT_EQ(span.function, Expected().at(span.path));
  ExpectNothingLeft();
}

TEST_P(HandlerFunctions, CostAHitForEachServeMuxAndNothingWithoutTheOption) {
  constexpr uint64_t kRequests = 200;
  for (const auto& [path, muxes] :
       std::map<std::string, uint64_t>{{"/method", 1}, {"/inner/leaf", 2}}) {
    for (const bool asked : {true, false}) {
      ASSERT_NO_FATAL_FAILURE(Start({}, asked));

      const Functions functions = FunctionsOf(path, kRequests);

      EXPECT_EQ(functions, Functions{asked ? Expected().at(path) : ""});
      EXPECT_EQ(Counter(UP_COUNTER_HITS_SERVER_HANDLER), asked ? muxes * kRequests : 0);
      EXPECT_EQ(Counter(UP_COUNTER_HITS_SERVER_END), kRequests);
      fmt::print("hits for each span of {}{}: {:.2f}\n", path, asked ? "" : " without the option",
                 static_cast<double>(Counter(UP_COUNTER_HITS_SERVER_START) +
                                     Counter(UP_COUNTER_HITS_SERVER_END) +
                                     Counter(UP_COUNTER_HITS_SERVER_HANDLER)) /
                     kRequests);
      ExpectNothingLeft();
      attachment_.reset();
    }
  }
}

std::vector<std::filesystem::path> HandlerTargets() {
  std::vector<std::filesystem::path> targets;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(TargetsDir(), error)) {
    if (entry.path().filename().string().starts_with("handlers-") &&
        entry.path().extension() != ".new") {
      targets.push_back(entry.path());
    }
  }
  std::sort(targets.begin(), targets.end());
  return targets;
}

INSTANTIATE_TEST_SUITE_P(Versions, HandlerFunctions, ::testing::ValuesIn(HandlerTargets()),
                         [](const auto& target) {
                           std::string name = target.param.filename().string();
                           std::replace_if(
                               name.begin(), name.end(),
                               [](char c) { return c == '.' || c == '-'; }, '_');
                           return name;
                         });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(HandlerFunctions);

}  // namespace
}  // namespace uprobed::testing
