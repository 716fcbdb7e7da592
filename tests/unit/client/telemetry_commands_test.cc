#include <cstdlib>
#include <ctime>
#include <limits>
#include <sstream>

#include "client/command_line.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "tests/unit/client/fake_daemon.h"

namespace uprobed::client {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

void AddText(google::protobuf::RepeatedPtrField<v1::KeyValue>* attributes, const std::string& key,
             const std::string& value) {
  v1::KeyValue* attribute = attributes->Add();
  attribute->set_key(key);
  attribute->set_string_value(value);
}

v1::Span MakeSpan() {
  v1::Span span;
  span.set_trace_id("\x4b\xf9\x2f\x35\x77\xb3\x4d\xa6\xa3\xce\x92\x9d\x0e\x0e\x47\x36");
  span.set_kind(v1::Span::KIND_SERVER);
  span.mutable_start_time()->set_seconds(1'700'000'000);
  span.mutable_end_time()->set_seconds(1'700'000'000);
  span.mutable_end_time()->set_nanos(1'500'000);
  AddText(span.mutable_resource(), "service.name", "shop");
  AddText(span.mutable_attributes(), "http.request.method", "GET");
  AddText(span.mutable_attributes(), "url.path", "/items/7");
  v1::KeyValue* status = span.add_attributes();
  status->set_key("http.response.status_code");
  status->set_int_value(200);
  return span;
}

// The first response of each stream, and one with `spans`.
std::vector<v1::StreamSpansResponse> Stream(const std::vector<v1::Span>& spans) {
  std::vector<v1::StreamSpansResponse> responses(2);
  responses[0].set_started(true);
  for (const v1::Span& span : spans) *responses[1].add_spans() = span;
  return responses;
}

class SpansTest : public ::testing::Test {
 protected:
  void SetUp() override {
    setenv("TZ", "UTC", 1);
    tzset();
  }
  FakeDaemon daemon_;
};

TEST_F(SpansTest, AreOneLineEach) {
  v1::Span child = MakeSpan();
  child.set_kind(v1::Span::KIND_CLIENT);
  child.set_parent_span_id("12345678");
  child.set_parent_source(v1::Span::PARENT_SOURCE_GOROUTINE);
  AddText(child.mutable_attributes(), "server.address", "stock");
  v1::Span remote = MakeSpan();
  AddText(remote.mutable_attributes(), "http.route", "/items/{id}");
  remote.set_parent_span_id("12345678");
  remote.set_parent_source(v1::Span::PARENT_SOURCE_TRACEPARENT);
  daemon_.script.spans = Stream({MakeSpan(), child, remote});
  const CommandResult result = RunCommand(daemon_, {"spans"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out,
            "22:13:20.001 shop         SERVER GET    /items/7                         200   1.50ms"
            " 4bf92f35 root\n"
            "22:13:20.001 shop         CLIENT GET    stock/items/7                    200   1.50ms"
            " 4bf92f35 child\n"
            "22:13:20.001 shop         SERVER GET    /items/{id}                      200   1.50ms"
            " 4bf92f35 remote\n");
}

TEST_F(SpansTest, CannotSteerTheTerminal) {
  v1::Span span = MakeSpan();
  span.mutable_attributes(1)->set_string_value("/\x1b]0;owned\x07\r\n\xe2\x80\xae");
  span.mutable_resource(0)->set_string_value("s\x1b[2J");
  daemon_.script.spans = Stream({span});
  const CommandResult result = RunCommand(daemon_, {"spans"});
  EXPECT_THAT(result.out,
              AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\r")),
                    HasSubstr("/\\x1b]0;owned\\x07\\r\\n\\u202e"), HasSubstr("s\\x1b[2J")));
  EXPECT_EQ(Lines(result.out).size(), 1U);
  const CommandResult json = RunCommand(daemon_, {"spans", "-o", "json"});
  EXPECT_THAT(json.out, AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\xe2\x80\xae"))));
}

TEST_F(SpansTest, SayWhatIsMissing) {
  v1::Span span = MakeSpan();
  span.clear_attributes();
  span.set_status(v1::Span::STATUS_ERROR);
  daemon_.script.spans = Stream({span});
  EXPECT_THAT(RunCommand(daemon_, {"spans"}).out, HasSubstr("SERVER -      -  "));
  EXPECT_THAT(RunCommand(daemon_, {"spans"}).out, HasSubstr(" ERR "));
}

TEST_F(SpansTest, MarkACutPathAndShowACapturedQuery) {
  v1::Span span = MakeSpan();
  span.add_truncated_attributes("url.path");
  AddText(span.mutable_attributes(), "url.query", "a=1");
  daemon_.script.spans = Stream({span});
  EXPECT_THAT(RunCommand(daemon_, {"spans"}).out, HasSubstr("/items/7[cut]?a=1 "));
}

TEST_F(SpansTest, HaveColoursAndAHeaderOnATerminalOnly) {
  daemon_.script.spans = Stream({MakeSpan()});
  CommandOptions options;
  options.out_is_terminal = true;
  const CommandResult result = RunCommand(daemon_, {"spans"}, options);
  EXPECT_THAT(result.out, AllOf(HasSubstr("ROUTE OR PATH"), HasSubstr("\x1b[32m200")));
  EXPECT_THAT(RunCommand(daemon_, {"spans"}).out, Not(HasSubstr("ROUTE OR PATH")));
}

TEST_F(SpansTest, SendFilterLimitAndCapacity) {
  daemon_.script.spans = Stream({});
  EXPECT_EQ(RunCommand(daemon_, {"spans", "--filter", "-kind = server", "--limit", "3",
                                 "--queue-capacity", "10"})
                .exit_code,
            0);
  EXPECT_EQ(daemon_.script.stream_spans.filter(), "-kind = server");
  EXPECT_EQ(daemon_.script.stream_spans.limit(), 3);
  EXPECT_EQ(daemon_.script.stream_spans.queue_capacity(), 10);
  EXPECT_TRUE(daemon_.script.stream_spans.compact());
}

// What two spans have in common, and another's path.
v1::StreamSpansResponse CompactResponse() {
  v1::StreamSpansResponse response;
  v1::DictionaryEntry& common = *response.add_dictionary();
  common.set_id(7);
  *common.mutable_common() = MakeSpan();
  common.mutable_common()->clear_trace_id();
  v1::DictionaryEntry& attribute = *response.add_dictionary();
  attribute.set_id(8);
  attribute.mutable_attribute()->set_key("uprobed.number");
  attribute.mutable_attribute()->set_int_value(5);
  for (const char* id : {"0123456789abcdef", "fedcba9876543210"}) {
    v1::CompactSpan& span = *response.add_compact_spans();
    span.mutable_own()->set_trace_id(id);
    span.set_common_id(7);
    span.add_attribute_ids(8);
  }
  *response.add_compact_spans()->mutable_own() = MakeSpan();
  return response;
}

TEST_F(SpansTest, PutTogetherWhatCameCompact) {
  daemon_.script.spans = Stream({});
  daemon_.script.spans[1] = CompactResponse();
  const CommandResult result = RunCommand(daemon_, {"spans", "-o", "json"});
  EXPECT_EQ(result.exit_code, 0);
  const std::vector<std::string> lines = Lines(result.out);
  ASSERT_EQ(lines.size(), 3U);
  v1::Span second;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(lines[1], &second).ok());
  v1::Span expected = MakeSpan();
  expected.set_trace_id("fedcba9876543210");
  *expected.add_attributes() = CompactResponse().dictionary(1).attribute();
  EXPECT_EQ(second.SerializeAsString(), expected.SerializeAsString());
  v1::Span third;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(lines[2], &third).ok());
  EXPECT_EQ(third.SerializeAsString(), MakeSpan().SerializeAsString());
}

TEST_F(SpansTest, FailWhereTheDictionaryLacksAnEntry) {
  for (const int missing : {0, 1}) {
    daemon_.script.spans = Stream({});
    daemon_.script.spans[1] = CompactResponse();
    daemon_.script.spans[1].mutable_dictionary(missing)->set_id(99);
    const CommandResult result = RunCommand(daemon_, {"spans", "-o", "json"});
    EXPECT_NE(result.exit_code, 0);
    EXPECT_THAT(result.err, HasSubstr("DICTIONARY_ENTRY_MISSING"));
    EXPECT_EQ(result.out, "");
    // Neither is the other kind of an entry what is meant.
    daemon_.script.spans[1] = CompactResponse();
    daemon_.script.spans[1].mutable_dictionary(0)->set_id(8);
    daemon_.script.spans[1].mutable_dictionary(1)->set_id(7);
    EXPECT_THAT(RunCommand(daemon_, {"spans"}).err, HasSubstr("DICTIONARY_ENTRY_MISSING"));
  }
}

TEST_F(SpansTest, WarnOfLossOnStderrOnceForEachLoss) {
  daemon_.script.spans = Stream({MakeSpan()});
  daemon_.script.spans[1].set_dropped_total(5);
  daemon_.script.spans.push_back(daemon_.script.spans[1]);
  daemon_.script.spans.push_back(daemon_.script.spans[1]);
  daemon_.script.spans[3].set_dropped_total(7);
  const CommandResult result = RunCommand(daemon_, {"spans"});
  const std::vector<std::string> warnings = Lines(result.err);
  ASSERT_EQ(warnings.size(), 2U) << result.err;
  EXPECT_THAT(warnings[0], HasSubstr("warning: 5 spans were lost here (5 since"));
  EXPECT_THAT(warnings[1], HasSubstr("warning: 2 spans were lost here (7 since"));
  const CommandResult json = RunCommand(daemon_, {"spans", "-o", "json"});
  for (const std::string& line : Lines(json.err)) EXPECT_TRUE(IsJsonObject(line)) << line;
  EXPECT_EQ(Lines(json.err).size(), 2U);
}

TEST_F(SpansTest, AsJsonAreOneObjectALine) {
  daemon_.script.spans = Stream({MakeSpan(), MakeSpan()});
  const CommandResult result = RunCommand(daemon_, {"spans", "-o", "json"});
  const std::vector<std::string> lines = Lines(result.out);
  ASSERT_EQ(lines.size(), 2U);
  v1::Span span;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(lines[0], &span).ok());
  EXPECT_EQ(span.SerializeAsString(), MakeSpan().SerializeAsString());
}

TEST_F(SpansTest, AskForFieldsAndKeysOfAttributes) {
  daemon_.script.spans = Stream({});
  ASSERT_EQ(RunCommand(daemon_,
                       {"spans", "-o", "json", "--fields", "name,http.route", "--fields", "kind"})
                .exit_code,
            0);
  EXPECT_THAT(daemon_.script.stream_spans.read_mask().paths(),
              ElementsAre("name", "kind", "attributes", "resource"));
  EXPECT_THAT(daemon_.script.stream_spans.attribute_keys(), ElementsAre("http.route"));
  ASSERT_EQ(RunCommand(daemon_, {"spans", "-o", "json"}).exit_code, 0);
  EXPECT_FALSE(daemon_.script.stream_spans.has_read_mask());
}

TEST_F(SpansTest, AsJsonHaveTheFieldsAskedForAndNoOthers) {
  v1::Span span;
  span.set_name("GET");
  daemon_.script.spans = Stream({span});
  EXPECT_EQ(RunCommand(daemon_, {"spans", "-o", "json", "--fields", "status,name,http.route"}).out,
            R"({"name":"GET","attributes":[],"resource":[],"status":"STATUS_UNSET"})"
            "\n");
  EXPECT_EQ(RunCommand(daemon_, {"spans", "-o", "json", "--fields", "*"}).out,
            RunCommand(daemon_, {"spans", "-o", "json"}).out);
}

TEST_F(SpansTest, AsATableHaveNoChoiceOfFields) {
  const CommandResult result = RunCommand(daemon_, {"spans", "--fields", "name"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, AllOf(HasSubstr("--fields"), HasSubstr("-o json")));
  EXPECT_EQ(RunCommand(daemon_, {"spans", "--fields", "name", "-o", "table"}).exit_code, 2);
}

TEST_F(SpansTest, EndCleanlyWhenInterrupted) {
  daemon_.script.spans = Stream({MakeSpan()});
  daemon_.script.endless = true;
  Interrupt interrupt;
  daemon_.script.before_answer = [&] { interrupt.Trigger(Interrupt::Cause::kSignal); };
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  const ExitCode exit_code = RunCommandLine({"--address", daemon_.address(), "spans"},
                                            Streams{in, out, err}, {}, interrupt);
  EXPECT_EQ(exit_code, ExitCode::kInterrupted);
  EXPECT_EQ(err.str(), "");
}

TEST_F(SpansTest, EndQuietlyWhenNobodyReadsThem) {
  daemon_.script.spans = Stream({MakeSpan()});
  daemon_.script.endless = true;
  Interrupt interrupt;
  daemon_.script.before_answer = [&] { interrupt.Trigger(Interrupt::Cause::kOutputClosed); };
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  const ExitCode exit_code = RunCommandLine({"--address", daemon_.address(), "spans"},
                                            Streams{in, out, err}, {}, interrupt);
  EXPECT_EQ(exit_code, ExitCode::kOk);
  EXPECT_EQ(err.str(), "");
}

TEST_F(SpansTest, SayThatTheConnectionBrokeOff) {
  daemon_.script.spans = Stream({MakeSpan()});
  daemon_.script.status = grpc::Status(grpc::StatusCode::UNAVAILABLE, "Socket closed");
  const CommandResult result = RunCommand(daemon_, {"spans"});
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("broke off (Socket closed)"), HasSubstr("reason: CONNECTION_LOST")));
}

TEST_F(SpansTest, RefusedForTheirFilterShowAnExample) {
  daemon_.script.status = DaemonError(grpc::StatusCode::INVALID_ARGUMENT, "FILTER_SYNTAX",
                                      "column 3: expected a value");
  const CommandResult result = RunCommand(daemon_, {"spans", "--filter", "a ="});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("try: --filter 'http.response.status_code >= 500"));
}

v1::StreamMetricsResponse MakeMetrics() {
  v1::StreamMetricsResponse response;
  response.mutable_time()->set_seconds(1'700'000'000);
  v1::MetricFamily* spans = response.add_families();
  spans->set_name("uprobed_spans_total");
  spans->set_type(v1::MetricFamily::TYPE_COUNTER);
  v1::MetricFamily::Metric* metric = spans->add_metrics();
  metric->set_value(1234567);
  (*metric->mutable_labels())["probe"] = "shop";
  (*metric->mutable_labels())["kind"] = "ser\x1bver";
  v1::MetricFamily* duration = response.add_families();
  duration->set_name("http_server_request_duration_seconds");
  duration->set_type(v1::MetricFamily::TYPE_HISTOGRAM);
  v1::MetricFamily::Histogram* histogram = duration->add_metrics()->mutable_histogram();
  histogram->set_count(4);
  histogram->set_sum(0.02);
  for (const double bound : {0.005, 0.01, std::numeric_limits<double>::infinity()}) {
    histogram->add_upper_bounds(bound);
  }
  for (const uint64_t count : {2U, 4U, 4U}) histogram->add_cumulative_counts(count);
  return response;
}

TEST(Metrics, AreShownOnceWithoutWatch) {
  FakeDaemon daemon;
  daemon.script.metrics = {MakeMetrics()};
  daemon.script.endless = true;
  const CommandResult result = RunCommand(daemon, {"metrics", "--prefix", "http_"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(daemon.script.stream_metrics.name_prefix(), "http_");
  EXPECT_FALSE(daemon.script.stream_metrics.has_interval());
  EXPECT_EQ(result.out,
            "METRIC                                LABELS                      VALUE\n"
            "uprobed_spans_total                   kind=ser\\x1bver probe=shop  1234567\n"
            "http_server_request_duration_seconds  -                           "
            "count=4 mean=5.00ms p50<=5.00ms p90<=10.0ms p99<=10.0ms\n");
}

TEST(Metrics, ShowQuantilesOfExponentialHistograms) {
  v1::StreamMetricsResponse response = MakeMetrics();
  auto* buckets = response.mutable_families(1)->mutable_metrics(0)->mutable_exponential_histogram();
  buckets->set_scale(2);
  buckets->set_count(4);
  buckets->set_offset(-60);  // from 2^-15 s, 30.5 us
  for (const uint64_t count : {2U, 0U, 2U}) buckets->add_bucket_counts(count);
  FakeDaemon daemon;
  daemon.script.metrics = {response};
  EXPECT_THAT(RunCommand(daemon, {"metrics"}).out,
              HasSubstr("count=4 mean=5.00ms p50=36.3us p90=49.6us p99=51.1us\n"));
}

TEST(Metrics, AreShownAgainEachInterval) {
  FakeDaemon daemon;
  daemon.script.metrics = {MakeMetrics(), MakeMetrics()};
  const CommandResult result = RunCommand(daemon, {"metrics", "--watch", "1500ms", "-o", "json"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(daemon.script.stream_metrics.interval().seconds(), 1);
  EXPECT_EQ(daemon.script.stream_metrics.interval().nanos(), 500'000'000);
  const std::vector<std::string> lines = Lines(result.out);
  ASSERT_EQ(lines.size(), 2U);
  for (const std::string& line : lines) EXPECT_TRUE(IsJsonObject(line)) << line;
}

}  // namespace
}  // namespace uprobed::client
