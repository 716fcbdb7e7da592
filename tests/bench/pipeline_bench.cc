// Prints what a record of the ring buffer costs in the daemon: through decoding, assembly, metrics,
// topology and fan-out to 1, 8 and 64 subscribers, one of them stalled, and over gRPC on a unix
// socket to subscribers in a process of their own. Costs are CPU time, so that others who use the
// machine are not in them.
#include <fmt/format.h>
#include <sys/resource.h>
#include <time.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/rpc/span_read_mask.h"
#include "tests/bench/allocations.h"
#include "tests/bench/measurement.h"
#include "tests/bench/pipeline.h"
#include "tests/bench/pipeline_server.h"
#include "tests/bench/report.h"

namespace uprobed::bench {
namespace {

constexpr size_t kSubscriberCounts[] = {1, 8, 64};
constexpr Reading kAllReadings[kReadings] = {Reading::kWhole, Reading::kCompact, Reading::kMasked};

double CpuNsOf(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

// That the kernel has used for the process.
double SystemNs() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_stime.tv_sec) * 1e9 +
         static_cast<double>(usage.ru_stime.tv_usec) * 1e3;
}

std::string_view Suffix(Reading reading) {
  switch (reading) {
    case Reading::kWhole:
      return "";
    case Reading::kCompact:
      return ", compact";
    case Reading::kMasked:
      return ", with a mask";
  }
  return "";
}

class PipelineBench {
 public:
  explicit PipelineBench(const Arguments& arguments)
      : rounds_(arguments.quick ? 3 : 9), records_(arguments.quick ? 50'000 : 200'000) {}

  void Run() {
    fmt::print("{:<52} {:>12} {:>12} {:>12} {:>12}\n", "", "ns/record", "in kernel", "records/s",
               "alloc/record");
    Stage("ring to metrics", Pipeline::Stages::kMetrics);
    Stage("ring to metrics and topology", Pipeline::Stages::kTopology);
    for (const size_t subscribers : kSubscriberCounts) {
      InProcess(subscribers, false, Reading::kWhole);
    }
    InProcess(8, true, Reading::kWhole);
    for (const Reading reading : {Reading::kCompact, Reading::kMasked}) {
      for (const size_t subscribers : {size_t{1}, size_t{64}})
        InProcess(subscribers, false, reading);
    }
    for (const size_t subscribers : kSubscriberCounts) OverGrpc(subscribers, Reading::kWhole);
    for (const Reading reading : {Reading::kCompact, Reading::kMasked}) {
      for (const size_t subscribers : {size_t{1}, size_t{64}}) OverGrpc(subscribers, reading);
    }
    Targets();
  }
  Report& report() { return report_; }

 private:
  struct Cost {
    Spread ns;
    double allocations = 0;  // per record
  };

  // The cost of a record in the thread (or, with `clock`, the process) that `feed` runs in.
  Cost Measure(const std::string& name, clockid_t clock, const std::function<void(size_t)>& feed) {
    feed(records_);  // strings, maps and pools grow
    std::vector<double> costs;
    const uint64_t allocations_before = Allocations();
    const double system_before = SystemNs();
    for (int round = 0; round < rounds_; ++round) {
      const double before = CpuNsOf(clock);
      feed(records_);
      costs.push_back((CpuNsOf(clock) - before) / static_cast<double>(records_));
    }
    const double all_records = static_cast<double>(records_) * rounds_;
    const double system_ns = (SystemNs() - system_before) / all_records;
    const Cost cost{
        .ns = SpreadOf(costs),
        .allocations = static_cast<double>(Allocations() - allocations_before) / all_records};
    fmt::print("{:<52} {:>12.0f} {:>12.0f} {:>12.0f} {:>12.4f}\n", name, cost.ns.median, system_ns,
               1e9 / cost.ns.median, cost.allocations);
    Report::Row row = report_.Add(name);
    row.Set("ns_per_record", cost.ns);
    row.Set("allocations_per_record", cost.allocations);
    row.Set("ns_in_kernel_per_record", system_ns);
    return cost;
  }

  void Stage(const std::string& name, Pipeline::Stages stages) {
    Pipeline pipeline(stages);
    const Cost cost =
        Measure(name, CLOCK_THREAD_CPUTIME_ID, [&](size_t records) { pipeline.Feed(records); });
    if (stages == Pipeline::Stages::kMetrics) {
      to_metrics_ = cost;
      fmt::print("  a record has {:.0f} bytes\n", pipeline.bytes_per_record());
    }
  }

  // What the subscribers take is thrown away, in the same thread.
  void InProcess(size_t count, bool one_stalled, Reading reading) {
    Pipeline pipeline(Pipeline::Stages::kHub);
    const absl::StatusOr<stream::SpanMask> mask = rpc::ParseSpanReadMask(RequestFor(reading));
    if (!mask.ok()) {
      fmt::print("in the process: {}\n", mask.status().ToString());
      return;
    }
    std::vector<std::shared_ptr<stream::Subscription>> subscriptions;
    for (size_t i = 0; i < count; ++i) {
      subscriptions.push_back(
          pipeline.hub().Subscribe({.mask = *mask, .compact = reading == Reading::kCompact}));
    }
    const size_t first = one_stalled ? 1 : 0;
    stream::Subscription::Batch batch;
    uint64_t bytes = 0;
    uint64_t taken = 0;
    pipeline.SetOnBatch([&] {
      for (size_t i = first; i < count; ++i) {
        do {
          subscriptions[i]->Take({.spans = kRecordsPerLook}, batch);
          taken += batch.spans;
          for (const stream::SpanSlice& slice : batch.slices) bytes += slice.bytes().size();
        } while (batch.spans > 0);
      }
    });
    const std::string name =
        fmt::format("ring to {} subscriber{} in the process{}{}", count, count == 1 ? "" : "s",
                    one_stalled ? ", one stalled" : "", Suffix(reading));
    const Cost cost =
        Measure(name, CLOCK_THREAD_CPUTIME_ID, [&](size_t records) { pipeline.Feed(records); });
    if (count == 1) {
      fmt::print("  a span has {:.0f} bytes on the wire\n",
                 static_cast<double>(bytes) / static_cast<double>(taken));
    }
    if (count == 64) fan_out_[static_cast<size_t>(reading)] = cost;
    if (one_stalled) {
      fmt::print("  the stalled one lost {} of {} spans, the others none: {}\n",
                 subscriptions[0]->counts().dropped, subscriptions[0]->counts().offered,
                 subscriptions[1]->counts().dropped == 0 ? "yes" : "NO");
    }
  }

  void OverGrpc(size_t count, Reading reading) {
    Pipeline pipeline(Pipeline::Stages::kHub);
    PipelineServer server(pipeline, count, reading);
    if (!server.Start()) {
      fmt::print("over gRPC to {}: the server or its subscribers did not start\n", count);
      return;
    }
    const std::string name = fmt::format("ring to {} subscriber{} over gRPC{}", count,
                                         count == 1 ? "" : "s", Suffix(reading));
    const Cost cost = Measure(name, CLOCK_PROCESS_CPUTIME_ID,
                              [&](size_t records) { server.FeedAndDeliver(records); });
    Cost* const of_reading = grpc_[static_cast<size_t>(reading)];
    if (count == 1) of_reading[0] = cost;
    if (count == 64) of_reading[1] = cost;
    if (server.dropped() > 0) fmt::print("  {} spans were dropped\n", server.dropped());
  }

  void Targets() {
    report_.AddTargetAtLeast("records a second and core, ring to metrics",
                             1e9 / to_metrics_.ns.median, 1e6);
    report_.AddTargetAtLeast("spans a second and core to one gRPC subscriber",
                             1e9 / grpc_[0][0].ns.median, 3e5);
    for (const Reading reading : kAllReadings) {
      const Cost* const costs = grpc_[static_cast<size_t>(reading)];
      report_.AddTargetAtMost(
          fmt::format("CPU of 64 gRPC subscribers, of that of one{}", Suffix(reading)),
          costs[1].ns.median / costs[0].ns.median, 2);
    }
    report_.AddTargetAtMost("allocations per record, ring to metrics", to_metrics_.allocations, 0);
    for (const Reading reading : kAllReadings) {
      report_.AddTargetAtMost(
          fmt::format("allocations per record, ring to 64 subscribers' queues{}", Suffix(reading)),
          fan_out_[static_cast<size_t>(reading)].allocations, 0);
    }
  }

  const int rounds_;
  const size_t records_;
  Report report_;
  Cost to_metrics_;
  Cost fan_out_[kReadings];  // to 64 subscribers, by what they read
  Cost grpc_[kReadings][2];  // by what they read; of one and of 64
};

}  // namespace
}  // namespace uprobed::bench

int main(int count, char** values) {
  // As the daemon's main() does.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const uprobed::bench::Arguments arguments = uprobed::bench::ParseArguments(count, values);
  if (arguments.words.size() == 4 && arguments.words[0] == "subscribe") {
    return uprobed::bench::RunSubscribers(
        arguments.words[1], std::stoul(arguments.words[2]),
        static_cast<uprobed::bench::Reading>(std::stoi(arguments.words[3])));
  }
  uprobed::bench::PipelineBench bench(arguments);
  bench.Run();
  if (const absl::Status status = bench.report().Write(arguments.json_path); !status.ok()) {
    fmt::print(stderr, "{}\n", status.ToString());
    return 1;
  }
  return 0;
}
