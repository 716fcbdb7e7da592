// The routes that gin, chi, echo and gorilla/mux have found handlers by: of real programs, with and
// without DWARF, an old version and a new one of each.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "fmt/format.h"
#include "tests/kernel/kernel_fixture.h"

namespace uprobed::testing {
namespace {

// What a router calls the same route.
struct Templates {
  std::string user;
  std::string item;
  std::string files;
  std::string panic;
};

const std::map<std::string, Templates>& AllTemplates() {
  static const auto& templates = *new std::map<std::string, Templates>{
      {"gin", {"/users/:id", "/api/v1/orders/:order/items/:item", "/files/*path", "/panic/:id"}},
      {"chi", {"/users/{id}", "/api/v1/orders/{order}/items/{item}", "/files/*", "/panic/{id}"}},
      {"echo", {"/users/:id", "/api/v1/orders/:order/items/:item", "/files/*", "/panic/:id"}},
      {"gorilla",
       {"/users/{id:[0-9]+}", "/api/v1/orders/{order}/items/{item}", "/files/", "/panic/{id}"}}};
  return templates;
}

class Routes : public KernelTest, public ::testing::WithParamInterface<std::filesystem::path> {
 protected:
  void TearDown() override { ExpectBalance(attachment_.get()); }

  void Start(const std::vector<std::string>& options, bool framework_routes = true) {
    attachment_ = Attach(OwnCopy(GetParam()), {}, {}, framework_routes);
    ASSERT_NE(attachment_, nullptr);
    std::vector<std::string> command = {OwnCopy(GetParam())};
    command.insert(command.end(), options.begin(), options.end());
    server_ = ChildProcess::Start(command);
    ASSERT_TRUE(server_.has_value());
    const std::string line = server_->ReadLine();
    ASSERT_NE(line, "");
    url_ = "http://" + line.substr(line.rfind(' ') + 1);
  }

  const Templates& Expected() const {
    const std::string name = GetParam().filename().string().substr(std::string("routes-").size());
    return AllTemplates().at(name.substr(0, name.find('-')));
  }

  // The routes of the spans of `total` requests.
  std::map<std::string, size_t> RoutesOf(const std::string& path, int total, int connections = 1) {
    spans_.Clear();
    Load(url_ + path, total, connections);
    std::map<std::string, size_t> routes;
    for (const span::Span& span : spans_.Wait(static_cast<size_t>(total), IsServer)) {
      ++routes[span.route];
    }
    return routes;
  }

  uint64_t Counter(up_counter counter) const { return attachment_->counters().value[counter]; }

  void ExpectNothingLeft() const {
    EXPECT_EQ(Counter(UP_COUNTER_LOST_RING_FULL), 0U);
    EXPECT_EQ(Counter(UP_COUNTER_LOST_NO_START), 0U);
    EXPECT_EQ(Counter(UP_COUNTER_LOST_ABANDONED), 0U);
    EXPECT_EQ(Counter(UP_COUNTER_FIELD_UNREAD), 0U);
    EXPECT_EQ(Counter(UP_COUNTER_ROUTE_MAP_FULL), 0U);
    EXPECT_EQ(backend_.InFlight(), 0U);
    EXPECT_EQ(backend_.RoutesInFlight(), 0U);
  }

  using Counts = std::map<std::string, size_t>;
  std::unique_ptr<probe::Attachment> attachment_;
  std::optional<ChildProcess> server_;
  std::string url_;
};

TEST_P(Routes, AreTheTemplatesOfTheRouter) {
  ASSERT_NO_FATAL_FAILURE(Start({}));

  EXPECT_EQ(RoutesOf("/about", 3), (Counts{{"/about", 3}}));
  EXPECT_EQ(RoutesOf("/users/4711", 3), (Counts{{Expected().user, 3}}));
  EXPECT_EQ(RoutesOf("/api/v1/orders/1/items/2", 3), (Counts{{Expected().item, 3}}));
  EXPECT_EQ(RoutesOf("/files/a/b/c", 3), (Counts{{Expected().files, 3}}));
  EXPECT_EQ(RoutesOf("/panic/4711", 3), (Counts{{Expected().panic, 3}}));
  EXPECT_EQ(RoutesOf("/missing", 3), (Counts{{"", 3}}));
  EXPECT_EQ(RoutesOf("/about", 3), (Counts{{"/about", 3}}));
  EXPECT_EQ(attachment_->single_stepped_site_count(), 0U);
  ExpectNothingLeft();
}

TEST_P(Routes, AreMoreThanThePatternOfTheServeMuxTheyAreIn) {
  ASSERT_NO_FATAL_FAILURE(Start({"-mux"}));

  EXPECT_EQ(RoutesOf("/users/4711", 3), (Counts{{Expected().user, 3}}));
  // Only ServeMux has a route for it, if this release of Go tells it.
  const Counts missing = RoutesOf("/missing", 3);
  EXPECT_TRUE(missing == (Counts{{"/", 3}}) || missing == (Counts{{"", 3}}));
  ExpectNothingLeft();
}

// net/http speaks HTTP/2 without TLS since Go 1.24.
class RoutesOverHttp2 : public Routes {};

TEST_P(RoutesOverHttp2, AreTold) {
  ASSERT_NO_FATAL_FAILURE(Start({"-h2c"}));

  Load(url_ + "/users", 100, 10, {"-h2c", "-paths", "10"});

  const std::vector<span::Span> spans = spans_.Wait(100, IsServer);
  ASSERT_EQ(spans.size(), 100U);
  for (const span::Span& span : spans) {
    EXPECT_EQ(span.protocol_version, "2");
    EXPECT_EQ(span.route, Expected().user);
  }
  ExpectNothingLeft();
}

TEST_P(Routes, AreEachRequestsOwnWhereManyAreServedAtOnce) {
  constexpr int kOfEach = 1000;
  ASSERT_NO_FATAL_FAILURE(Start({}));

  std::vector<ChildProcess> generators;
  for (const char* path : {"/about", "/users", "/files/x", "/missing"}) {
    std::optional<ChildProcess> generator = ChildProcess::Start(
        {(TargetsDir() / "loadgen").string(), "-url", url_ + path, "-n", std::to_string(kOfEach),
         "-c", "25", "-paths", std::string(path) == "/about" ? "0" : "1000"});
    ASSERT_TRUE(generator.has_value());
    generators.push_back(*std::move(generator));
  }
  for (ChildProcess& generator : generators) {
    while (!generator.ReadLine().empty()) {
    }
    generator.Wait();
  }

  const std::vector<span::Span> spans = spans_.Wait(size_t{4} * kOfEach, IsServer);
  ASSERT_EQ(spans.size(), size_t{4} * kOfEach);
  size_t right = 0;
  for (const span::Span& span : spans) {
    const std::string wanted = span.path.starts_with("/users/")   ? Expected().user
                               : span.path.starts_with("/files/") ? Expected().files
                               : span.path == "/about"            ? "/about"
                                                                  : "";
    EXPECT_EQ(span.route, wanted) << span.path;
    if (span.route == wanted) ++right;
  }
  fmt::print("{} requests, 100 at once: {} with their route\n", spans.size(), right);
  ExpectNothingLeft();
}

TEST_P(Routes, CostAHitOfRequestsOfTheRouterAndNothingWithoutTheOption) {
  constexpr size_t kRequests = 200;
  for (const bool framework_routes : {true, false}) {
    ASSERT_NO_FATAL_FAILURE(Start({}, framework_routes));

    RoutesOf("/users/4711", kRequests, 4);

    EXPECT_EQ(Counter(UP_COUNTER_HITS_SERVER_ROUTE), framework_routes ? kRequests : 0);
    const uint64_t hits = Counter(UP_COUNTER_HITS_SERVER_START) +
                          Counter(UP_COUNTER_HITS_SERVER_END) +
                          Counter(UP_COUNTER_HITS_SERVER_ROUTE);
    fmt::print("hits for each span {}: {:.2f}\n", framework_routes ? "with routes" : "without",
               static_cast<double>(hits) / kRequests);
    EXPECT_EQ(hits, (framework_routes ? 3 : 2) * kRequests + Counter(UP_COUNTER_REPEATED_START));
    ExpectNothingLeft();
    attachment_.reset();
  }
}

// gorilla/mux tells before the handler is called, the others when it has returned.
class RoutesOfGorilla : public Routes {};

TEST_P(RoutesOfGorilla, AreForgottenWithTheAttachment) {
  ASSERT_NO_FATAL_FAILURE(Start({}));
  const std::optional<ChildProcess> client = ChildProcess::Start(
      {(TargetsDir() / "loadgen").string(), "-url", url_ + "/wait/1", "-n", "1"});
  ASSERT_TRUE(client.has_value());
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (backend_.RoutesInFlight() == 0 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  ASSERT_EQ(backend_.RoutesInFlight(), 1U);

  attachment_.reset();

  EXPECT_EQ(backend_.RoutesInFlight(), 0U);
  EXPECT_EQ(backend_.InFlight(), 0U);
}

// Routers of different kinds, the one in the other: some tell before their handler, some after it.
class NestedRouters : public Routes {};

TEST_P(NestedRouters, TellTheRouteOfTheInnermost) {
  ASSERT_NO_FATAL_FAILURE(Start({}));

  EXPECT_EQ(RoutesOf("/gorilla/users/4711", 3), (Counts{{"/gorilla/users/:id", 3}}));
  EXPECT_EQ(RoutesOf("/chi/users/4711", 3), (Counts{{"/chi/users/{id}", 3}}));
  EXPECT_EQ(RoutesOf("/echo/users/4711", 3), (Counts{{"/echo/users/{id}", 3}}));
  EXPECT_EQ(Counter(UP_COUNTER_HITS_SERVER_ROUTE), 18U);
  ExpectNothingLeft();
}

bool IsNested(const std::filesystem::path& target) {
  return target.filename().string().starts_with("routes-nested-");
}

std::vector<std::filesystem::path> RoutesTargets(bool nested) {
  std::vector<std::filesystem::path> targets;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(TargetsDir(), error)) {
    if (entry.path().filename().string().starts_with("routes-") &&
        entry.path().extension() != ".new" && IsNested(entry.path()) == nested) {
      targets.push_back(entry.path());
    }
  }
  std::sort(targets.begin(), targets.end());
  return targets;
}

std::string RoutesTestName(const ::testing::TestParamInfo<std::filesystem::path>& target) {
  std::string name = target.param.filename().string();
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '.' || c == '-'; }, '_');
  return name;
}

// Of those that stand for themselves, the ones whose names have `word`, or have not.
std::vector<std::filesystem::path> RoutesTargetsWith(const std::string& word, bool has) {
  std::vector<std::filesystem::path> targets = RoutesTargets(false);
  std::erase_if(targets, [&](const std::filesystem::path& target) {
    return (target.filename().string().find(word) != std::string::npos) != has;
  });
  return targets;
}

INSTANTIATE_TEST_SUITE_P(Versions, RoutesOverHttp2,
                         ::testing::ValuesIn(RoutesTargetsWith("go1.16", false)), RoutesTestName);
INSTANTIATE_TEST_SUITE_P(Versions, RoutesOfGorilla,
                         ::testing::ValuesIn(RoutesTargetsWith("gorilla", true)), RoutesTestName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RoutesOverHttp2);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RoutesOfGorilla);
INSTANTIATE_TEST_SUITE_P(Versions, Routes, ::testing::ValuesIn(RoutesTargets(false)),
                         RoutesTestName);
INSTANTIATE_TEST_SUITE_P(Versions, NestedRouters, ::testing::ValuesIn(RoutesTargets(true)),
                         RoutesTestName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Routes);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(NestedRouters);

}  // namespace
}  // namespace uprobed::testing
