// Requests of google.golang.org/grpc, unary and streaming, on both sides: as many spans with each
// method and code as the client itself counts.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "fmt/format.h"
#include "tests/kernel/grpc_targets.h"
#include "tests/kernel/kernel_fixture.h"

namespace uprobed::testing {
namespace {

// Full method and code.
using MethodCounts = std::map<std::pair<std::string, int64_t>, int>;

constexpr char kLeaf[] = "/calls.Calls/Leaf";
constexpr char kUpload[] = "/calls.Calls/Upload";

MethodCounts CountsOf(const std::vector<span::Span>& spans) {
  MethodCounts counts;
  for (const span::Span& span : spans) ++counts[{span.rpc_full_method(), span.rpc_status_code}];
  return counts;
}

int SumOf(const MethodCounts& counts) {
  int sum = 0;
  for (const auto& [what, count] : counts) sum += count;
  return sum;
}

class Grpc : public KernelTest, public ::testing::WithParamInterface<std::filesystem::path> {
 protected:
  void SetUp() override {
    KernelTest::SetUp();
    if (IsSkipped()) return;
    attachment_ = Attach(OwnCopy(GetParam()));
    ASSERT_NE(attachment_, nullptr);
    server_ = ChildProcess::Start({OwnCopy(GetParam()), "serve"});
    ASSERT_TRUE(server_.has_value());
    address_ = server_->ReadLine();
    ASSERT_NE(address_, "");
  }

  void TearDown() override { ExpectBalance(attachment_.get()); }

  // Makes `rounds` calls of each kind; what the client counted.
  MethodCounts Call(int rounds, int workers, const std::string& which = "") {
    std::vector<std::string> command = {OwnCopy(GetParam()), "load", address_,
                                        std::to_string(rounds), std::to_string(workers)};
    if (!which.empty()) command.push_back(which);
    std::optional<ChildProcess> client = ChildProcess::Start(command);
    EXPECT_TRUE(client.has_value());
    client_pid_ = static_cast<uint32_t>(client->pid());
    MethodCounts counts;
    for (std::string line = client->ReadLine(); !line.empty(); line = client->ReadLine()) {
      std::istringstream words(line);
      std::string method;
      int64_t code = 0;
      int count = 0;
      words >> method >> code >> count;
      counts[{method, code}] += count;
    }
    EXPECT_EQ(client->Wait(), 0);
    return counts;
  }

  std::vector<span::Span> ServerSpans(int count) {
    return spans_.Wait(static_cast<size_t>(count), IsServer);
  }
  // Those of the process that counts, and those that the server itself makes.
  std::vector<span::Span> ClientSpans(int count) {
    return spans_.Wait(static_cast<size_t>(count), [this](const span::Span& span) {
      return IsClient(span) && span.pid == client_pid_;
    });
  }
  std::vector<span::Span> NestedSpans(int count) {
    return spans_.Wait(static_cast<size_t>(count), [this](const span::Span& span) {
      return IsClient(span) && span.pid != client_pid_;
    });
  }

  uint64_t Counter(up_counter counter) const { return attachment_->counters().value[counter]; }

  void ExpectNoLoss() const {
    EXPECT_EQ(Counter(UP_COUNTER_LOST_RING_FULL), 0U);
    EXPECT_EQ(Counter(UP_COUNTER_LOST_MAP_FULL), 0U);
    EXPECT_EQ(Counter(UP_COUNTER_LOST_NO_START), 0U);
    EXPECT_EQ(Counter(UP_COUNTER_LOST_ABANDONED), 0U);
    EXPECT_EQ(Counter(UP_COUNTER_LOST_READ_FAULT), 0U);
    EXPECT_EQ(Counter(UP_COUNTER_FIELD_UNREAD), 0U);
    EXPECT_EQ(backend_.InFlight(), 0U);
  }

  std::unique_ptr<probe::Attachment> attachment_;
  std::optional<ChildProcess> server_;
  std::string address_;
  uint32_t client_pid_ = 0;
};

// Of what the client counts, that which `passes(method, code)`.
template <typename Predicate>
MethodCounts Passing(const MethodCounts& counts, const Predicate& passes) {
  MethodCounts passing;
  for (const auto& [what, count] : counts) {
    if (passes(what.first, what.second)) passing[what] = count;
  }
  return passing;
}

TEST_P(Grpc, SpansAreLimitedByFullMethod) {
  ASSERT_TRUE(attachment_->SetSpanLimits({.methods = {"POST"}, .path_prefixes = {kUpload}}).ok());

  const MethodCounts expected =
      Passing(Call(5, 8), [](const std::string& method, int64_t) { return method == kUpload; });

  ASSERT_GT(SumOf(expected), 0);
  EXPECT_EQ(CountsOf(ClientSpans(SumOf(expected))), expected);
  for (const span::Span& span : spans_.All()) EXPECT_EQ(span.rpc_full_method(), kUpload);
  EXPECT_GT(Counter(UP_COUNTER_SUPPRESSED_FILTERED), 0U);
}

TEST_P(Grpc, SpansAreLimitedByCode) {
  const std::set<int64_t> server_errors = {2, 4, 12, 13, 14, 15};
  ASSERT_TRUE(attachment_->SetSpanLimits({.status_classes = 1U << 5}).ok());

  const MethodCounts expected = Passing(
      Call(5, 8), [&](const std::string&, int64_t code) { return server_errors.count(code) == 1; });

  ASSERT_GT(SumOf(expected), 0);
  EXPECT_EQ(CountsOf(ClientSpans(SumOf(expected))), expected);
  for (const span::Span& span : spans_.All()) {
    EXPECT_EQ(server_errors.count(span.rpc_status_code), 1U) << span.rpc_status_code;
  }
}

TEST_P(Grpc, EveryMethodAndCodeIsCountedAsTheClientCountsThem) {
  constexpr int kRounds = 20;
  constexpr int kNested = 2 * kRounds;

  const MethodCounts counted = Call(kRounds, 32);

  ASSERT_EQ(SumOf(counted), 23 * kRounds);
  std::set<int64_t> codes;
  for (const auto& [what, count] : counted) codes.insert(what.second);
  EXPECT_EQ(codes, (std::set<int64_t>{0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 14, 16}));
  EXPECT_EQ(CountsOf(ClientSpans(SumOf(counted))), counted);
  EXPECT_EQ(CountsOf(NestedSpans(kNested)), (MethodCounts{{{kLeaf, 0}, kNested}}));
  MethodCounts served = counted;
  served[{kLeaf, 0}] = kNested;
  std::erase_if(served, [](const auto& entry) {
    return entry.first.first == "/calls.Calls/Refused" ||
           entry.first.first == "/calls.Calls/Unready";
  });
  EXPECT_EQ(CountsOf(ServerSpans(SumOf(served))), served);
  ExpectNoLoss();
}

TEST_P(Grpc, TwoEmulatedHitsForEachSpan) {
  const MethodCounts counted = Call(30, 8, "answered");

  const auto spans = static_cast<uint64_t>(SumOf(counted) + 60);
  EXPECT_EQ(ServerSpans(static_cast<int>(spans)).size(), spans);
  EXPECT_EQ(ClientSpans(SumOf(counted)).size() + NestedSpans(60).size(), spans);
  EXPECT_EQ(Counter(UP_COUNTER_HITS_GRPC_SERVER_START), spans + Counter(UP_COUNTER_REPEATED_START));
  EXPECT_EQ(Counter(UP_COUNTER_HITS_GRPC_SERVER_END), spans + Counter(UP_COUNTER_REPEATED_END));
  EXPECT_EQ(Counter(UP_COUNTER_HITS_GRPC_CLIENT_START), spans);
  EXPECT_EQ(Counter(UP_COUNTER_HITS_GRPC_CLIENT_END), spans);
  EXPECT_EQ(attachment_->single_stepped_site_count(), 0U);
  const auto hits = [&](up_counter start, up_counter end) {
    return static_cast<double>(Counter(start) + Counter(end)) / static_cast<double>(spans);
  };
  fmt::print("hits for each span: server {:.2f}, client {:.2f}\n",
             hits(UP_COUNTER_HITS_GRPC_SERVER_START, UP_COUNTER_HITS_GRPC_SERVER_END),
             hits(UP_COUNTER_HITS_GRPC_CLIENT_START, UP_COUNTER_HITS_GRPC_CLIENT_END));
  ExpectNoLoss();
}

TEST_P(Grpc, ACallInAHandlerIsAChildOfTheRequestThatIsServed) {
  const MethodCounts counted = Call(20, 16, "answered");

  const std::vector<span::Span> nested = NestedSpans(40);
  ASSERT_EQ(nested.size(), 40U);
  std::map<span::SpanId, span::Span> served;
  for (const span::Span& span : ServerSpans(SumOf(counted) + 40)) served[span.span_id] = span;
  std::set<span::SpanId> parents;
  for (const span::Span& call : nested) {
    ASSERT_TRUE(served.contains(call.parent_span_id));
    const span::Span& parent = served.at(call.parent_span_id);
    parents.insert(parent.span_id);
    EXPECT_EQ(call.trace_id, parent.trace_id);
    EXPECT_NE(parent.rpc_method, "Leaf");
    EXPECT_LE(parent.start_unix_ns, call.start_unix_ns);
    EXPECT_LE(call.end_unix_ns, parent.end_unix_ns);
    EXPECT_EQ(call.server_address + ":" + std::to_string(call.server_port), address_);
  }
  EXPECT_EQ(parents.size(), 40U);
  for (const span::Span& span : ClientSpans(SumOf(counted))) EXPECT_FALSE(span.has_parent());
  ExpectNoLoss();
}

INSTANTIATE_TEST_SUITE_P(Versions, Grpc, ::testing::ValuesIn(GrpcTargets()), GrpcTestName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Grpc);

}  // namespace
}  // namespace uprobed::testing
