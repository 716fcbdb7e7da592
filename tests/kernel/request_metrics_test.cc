// The metrics of requests are the same whether they become spans or not.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <numeric>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "server/eventless_requests.h"
#include "server/metrics/http_metrics.h"
#include "tests/kernel/kernel_fixture.h"

namespace uprobed::testing {
namespace {

constexpr char kDurations[] = "http_server_request_duration_seconds";

class RequestMetricsTest : public KernelTest {
 protected:
  RequestMetricsTest() = default;
  explicit RequestMetricsTest(const probe::BpfObjectOptions& options) : KernelTest(options) {}

  void SetUp() override {
    KernelTest::SetUp();
    if (IsSkipped()) return;
    const std::vector<TargetProgram> targets = AvailableTargets("hello");
    if (targets.empty()) GTEST_SKIP() << "no Go program to probe: run scripts/build_targets";
    path_ = OwnCopy(targets.back().path);
    backend_.TakeRequestSums();  // what other tests of the process have left
  }

  void Begin(const SpanLimits& limits) {
    if (!target_.has_value()) target_ = RunningTarget::Start(path_);
    ASSERT_TRUE(target_.has_value());
    span_limits_ = limits;
    attachment_ = Attach(path_);
    ASSERT_NE(attachment_, nullptr);
  }

  void Send(const std::string& path, int total, const std::vector<std::string>& options = {}) {
    ASSERT_EQ(Load("http://" + target_->address + path, total, 2, options), 0);
  }

  uint64_t Counter(up_counter counter) const { return attachment_->counters().value[counter]; }

  // Whatever requests became of what was seen, both histograms of a series have counted the same.
  static void CheckExponential(const metrics::CollectedFamily& collected) {
    const bool durations = collected.family.name.ends_with("_duration_seconds");
    ASSERT_EQ(collected.exponential.size(), durations ? collected.family.metric.size() : 0);
    for (size_t i = 0; i < collected.exponential.size(); ++i) {
      const metrics::ExponentialHistogram& exponential = collected.exponential[i];
      const auto& histogram = collected.family.metric[i].histogram;
      EXPECT_EQ(exponential.count, histogram.sample_count) << collected.family.name;
      EXPECT_EQ(std::accumulate(exponential.bucket_counts.begin(), exponential.bucket_counts.end(),
                                exponential.zero_count),
                histogram.sample_count)
          << collected.family.name;
      EXPECT_EQ(exponential.sum, histogram.sample_sum) << collected.family.name;
    }
  }

  // The number of values of each series, by its name and labels.
  std::map<std::string, uint64_t> Series() {
    loop_.Stop();
    for (const span::Span& span : spans_.All()) metrics_.Record(span);
    spans_.Clear();
    eventless_.Collect();
    std::map<std::string, uint64_t> series;
    for (const metrics::CollectedFamily& collected : metrics_.CollectExponential()) {
      CheckExponential(collected);
      const prometheus::MetricFamily& family = collected.family;
      for (const prometheus::ClientMetric& metric : family.metric) {
        if (metric.histogram.sample_count == 0) continue;
        std::string name = family.name;
        for (const auto& label : metric.label) {
          // The port where nobody answers is another each time.
          if (label.name == "server_port" && (name.find("=Refused") != std::string::npos ||
                                              name.find("=Unready") != std::string::npos)) {
            continue;
          }
          name += " " + label.name + "=" + label.value;
        }
        series[name] += metric.histogram.sample_count;
      }
    }
    return series;
  }

  static std::map<std::string, uint64_t> Times(uint64_t factor,
                                               std::map<std::string, uint64_t> series) {
    for (auto& [name, count] : series) count *= factor;
    return series;
  }

  static uint64_t Total(const std::map<std::string, uint64_t>& series, const std::string& family) {
    uint64_t total = 0;
    for (const auto& [name, count] : series) {
      if (name.starts_with(family + " ")) total += count;
    }
    return total;
  }

  std::string path_;
  metrics::HttpMetrics metrics_;
  EventlessRequests eventless_{backend_, directory_, metrics_};
  std::optional<RunningTarget> target_;
  std::unique_ptr<probe::Attachment> attachment_;
};

TEST_F(RequestMetricsTest, HaveTheSameSeriesForSpansAndForWhatIsSuppressed) {
  const auto run = [this](const SpanLimits& limits) {
    Begin(limits);
    Send("/hello", 30);
    Send("/status/404", 7);
    Send("/status/503", 5);
    Send("/post", 9, {"-method", "POST", "-body", "5000"});
    Send("/hello", 3, {"-method", "BREW"});
    Send("/nothing", 4);
    Send("/call", 20);
    Send("/items/7", 6);
    return true;
  };
  ASSERT_TRUE(run({}));
  const std::map<std::string, uint64_t> of_spans = Series();
  EXPECT_EQ(Counter(UP_COUNTER_EVENTS_SUBMITTED), 124U);
  EXPECT_EQ(Total(of_spans, kDurations), 104U);
  attachment_.reset();

  ASSERT_TRUE(run({.sample_ratio = 0}));
  EXPECT_EQ(Counter(UP_COUNTER_EVENTS_SUBMITTED), 0U);
  EXPECT_EQ(Counter(UP_COUNTER_SUPPRESSED_SAMPLED), 124U);
  // All are in one set of metrics: the same labels, twice the requests, or three times.
  EXPECT_EQ(Series(), Times(2, of_spans));
  attachment_.reset();

  backend_.SetSpansStreamed(false);
  ASSERT_TRUE(run({.only_while_streamed = true}));
  EXPECT_EQ(Counter(UP_COUNTER_EVENTS_SUBMITTED), 0U);
  EXPECT_EQ(Counter(UP_COUNTER_SUPPRESSED_UNSTREAMED), 124U);
  EXPECT_EQ(Series(), Times(3, of_spans));
}

// The newest that there is.
std::string GrpcTarget() {
  std::string newest;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(TargetsDir(), error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("grpc-") && entry.path().extension() != ".new")
      newest = std::max(newest, entry.path().string());
  }
  return newest;
}

TEST_F(RequestMetricsTest, HaveTheSameSeriesForRpcs) {
  path_ = OwnCopy(GrpcTarget());
  if (path_.empty()) GTEST_SKIP() << "no Go program to probe: run scripts/build_targets";
  std::optional<ChildProcess> server = ChildProcess::Start({path_, "serve"});
  ASSERT_TRUE(server.has_value());
  const std::string address = server->ReadLine();
  const auto run = [&](const SpanLimits& limits) {
    span_limits_ = limits;
    attachment_.reset();
    attachment_ = Attach(path_);
    std::optional<ChildProcess> client = ChildProcess::Start({path_, "load", address, "10", "8"});
    while (client.has_value() && !client->ReadLine().empty()) {
    }
    return attachment_ != nullptr && client.has_value() && client->Wait() == 0;
  };

  ASSERT_TRUE(run({}));
  // Some are given up by the client before the server is done with them.
  while (backend_.InFlight() > 0) std::this_thread::yield();
  const std::map<std::string, uint64_t> of_spans = Series();
  EXPECT_GT(Total(of_spans, "rpc_client_duration_seconds"), 0U);
  ASSERT_TRUE(run({.sample_ratio = 0}));
  while (backend_.InFlight() > 0) std::this_thread::yield();
  EXPECT_EQ(Counter(UP_COUNTER_EVENTS_SUBMITTED), 0U);
  EXPECT_EQ(Series(), Times(2, of_spans));

  backend_.SetSpansStreamed(false);
  ASSERT_TRUE(run({.only_while_streamed = true}));
  while (backend_.InFlight() > 0) std::this_thread::yield();
  EXPECT_EQ(Counter(UP_COUNTER_EVENTS_SUBMITTED), 0U);
  EXPECT_EQ(Series(), Times(3, of_spans));
}

// Where one request has its labels alone, its duration is their sum.
TEST_F(RequestMetricsTest, SortDurationsAsTheDaemonDoes) {
  Begin({.sample_ratio = 0});
  for (int status = 400; status < 450; ++status) Send("/status/" + std::to_string(status), 1);
  Send("/slow?ms=40", 1);

  std::set<uint64_t> cells;
  for (const probe::RequestSums& sums : backend_.TakeRequestSums()) {
    const auto& duration = sums.metrics.duration;
    if (std::accumulate(std::begin(duration.counts), std::end(duration.counts), 0U) != 1) continue;
    cells.insert(up_duration_cell(duration.sum_ns));
    EXPECT_EQ(duration.counts[up_duration_cell(duration.sum_ns)], 1U) << duration.sum_ns;
  }

  EXPECT_GT(cells.size(), 1U);
}

TEST_F(RequestMetricsTest, CountEveryRequestUnderEachLimit) {
  Begin({.sample_ratio = 0.5});
  Send("/hello", 500);
  ASSERT_TRUE(attachment_->SetSpanLimits({.spans_per_second = 100, .burst = 3}).ok());
  Send("/hello", 500);
  ASSERT_TRUE(attachment_->SetSpanLimits({.status_classes = 1U << 5}).ok());
  Send("/hello", 500);

  EXPECT_EQ(Total(Series(), kDurations), 1500U);
  EXPECT_LT(Counter(UP_COUNTER_EVENTS_SUBMITTED), 1000U);
}

TEST_F(RequestMetricsTest, KeepWhatAnAttachmentThatIsGoneHasCounted) {
  Begin({.sample_ratio = 0});
  Send("/hello", 50);

  attachment_.reset();

  EXPECT_EQ(Total(Series(), kDurations), 50U);
  EXPECT_EQ(Total(Series(), kDurations), 50U);
}

TEST_F(RequestMetricsTest, KeepWhatAProcessThatIsGoneHasCounted) {
  Begin({.sample_ratio = 0});
  Send("/hello", 50);
  target_.reset();

  backend_.ForgetExitedProcesses();
  target_ = RunningTarget::Start(path_);
  ASSERT_TRUE(target_.has_value());
  Send("/hello", 5);

  EXPECT_EQ(Total(Series(), kDurations), 55U);
}

// One page holds four records, and nobody reads it.
class SmallRing : public RequestMetricsTest, public ::testing::WithParamInterface<bool> {
 protected:
  SmallRing() : RequestMetricsTest({.ring_bytes = 4096}) {}
};

TEST_P(SmallRing, LosesNoRequestOfTheMetrics) {
  Begin(GetParam() ? SpanLimits{.sample_ratio = 1} : SpanLimits{});

  Send("/hello", 2000);
  Send("/call", 100);

  const std::map<std::string, uint64_t> series = Series();
  EXPECT_EQ(Total(series, kDurations), 2200U);
  EXPECT_EQ(Total(series, "http_client_request_duration_seconds"), 100U);
  EXPECT_GT(Counter(UP_COUNTER_LOST_RING_FULL), 0U);
  EXPECT_EQ(Counter(UP_COUNTER_EVENTS_SUBMITTED) + Counter(UP_COUNTER_LOST_RING_FULL), 2300U);
}

INSTANTIATE_TEST_SUITE_P(RequestMetricsTest, SmallRing, ::testing::Bool());

// As on kernels before 6.6, whose maps have all their entries from the start.
class Preallocated : public RequestMetricsTest {
 protected:
  Preallocated() : RequestMetricsTest({.allow_uprobe_multi = false}) {}
};

TEST_F(Preallocated, CountEveryRequest) {
  Begin({.sample_ratio = 0});

  Send("/call", 50);

  EXPECT_EQ(Total(Series(), kDurations), 100U);
  EXPECT_EQ(Counter(UP_COUNTER_METRICS_OVERFLOWED), 0U);
}

// Fewer labels than there are.
class FewLabels : public RequestMetricsTest {
 protected:
  FewLabels() : RequestMetricsTest({.request_metrics_max = 2}) {}
};

TEST_F(FewLabels, CountWhatExceedsThemOnTheOverflowSeries) {
  Begin({.sample_ratio = 0});

  for (int status = 400; status < 420; ++status) Send("/status/" + std::to_string(status), 5);

  const std::map<std::string, uint64_t> series = Series();
  EXPECT_EQ(Total(series, kDurations), 100U);
  const auto overflowed = std::find_if(series.begin(), series.end(), [](const auto& entry) {
    return entry.first.starts_with(kDurations) &&
           entry.first.find("http_route=_other") != std::string::npos;
  });
  ASSERT_NE(overflowed, series.end());
  EXPECT_EQ(overflowed->second, Counter(UP_COUNTER_METRICS_OVERFLOWED));
}

}  // namespace
}  // namespace uprobed::testing
