// How long a binary takes to be analysed, and how much memory:
// resolver_bench [--json FILE] BINARY...
// Each run is a process of its own, so that its peak is that of this one binary.
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "server/base/errors.h"
#include "server/elf/elf_file.h"
#include "server/profile/resolver.h"
#include "tests/bench/report.h"

namespace uprobed {
namespace {

constexpr size_t kRuns = 5;

struct Run {
  int64_t identity_us = 0;  // hash of the whole file
  int64_t resolve_us = 0;
  int64_t peak_kib = 0;
  size_t sites = 0;
  std::array<char, 96> outcome = {};
};

int64_t Microseconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

void SetOutcome(Run& run, std::string_view text) {
  std::copy_n(text.begin(), std::min(text.size(), run.outcome.size() - 1), run.outcome.begin());
}

absl::Status Analyse(const std::string& path, Run& run) {
  const auto begin = std::chrono::steady_clock::now();
  ASSIGN_OR_RETURN(const elf::ElfFile file, elf::ElfFile::Open(path));
  ASSIGN_OR_RETURN(const profile::BinaryIdentity identity, profile::ReadIdentity(file));
  const auto identified = std::chrono::steady_clock::now();
  run.identity_us = Microseconds(identified - begin);
  const absl::StatusOr<profile::Profile> profile = profile::Resolve(file, identity);
  run.resolve_us = Microseconds(std::chrono::steady_clock::now() - identified);
  if (!profile.ok()) return profile.status();
  run.sites = profile->sites.size();
  SetOutcome(run, profile->go_version + (profile->stripped ? ", stripped" : ""));
  return absl::OkStatus();
}

// The memory that the process had before is the part of it that is not the resolver's.
int64_t PeakKib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

Run RunInChild(const std::string& path) {
  Run run;
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) return run;
  const pid_t child = fork();
  if (child == 0) {
    const int64_t before = PeakKib();
    if (const absl::Status status = Analyse(path, run); !status.ok()) {
      SetOutcome(run, ReasonOf(status));
    }
    run.peak_kib = PeakKib() - before;
    const bool written = write(ends[1], &run, sizeof(run)) == sizeof(run);
    _exit(written ? 0 : 1);
  }
  close(ends[1]);
  if (read(ends[0], &run, sizeof(run)) != sizeof(run)) SetOutcome(run, "crashed");
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return run;
}

void Measure(const std::string& path, bench::Report& report) {
  std::array<Run, kRuns> runs;
  for (Run& run : runs) run = RunInChild(path);
  std::sort(runs.begin(), runs.end(),
            [](const Run& a, const Run& b) { return a.resolve_us < b.resolve_us; });
  const Run& median = runs[kRuns / 2];
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  fmt::print(
      "{:<28} {:>7.1f} {:>9.1f} {:>9.1f} {:>8.1f} {:>6}  {}\n",
      std::filesystem::path(path).filename().string(), static_cast<double>(error ? 0 : bytes) / 1e6,
      static_cast<double>(median.identity_us) / 1e3, static_cast<double>(median.resolve_us) / 1e3,
      static_cast<double>(median.peak_kib) / 1024.0, median.sites, median.outcome.data());
  bench::Report::Row row = report.Add(std::filesystem::path(path).filename().string());
  const auto spread = [&runs](auto figure) {
    std::vector<double> values;
    values.reserve(runs.size());
    for (const Run& run : runs) values.push_back(static_cast<double>(run.*figure));
    return bench::SpreadOf(std::move(values));
  };
  row.Set("identity_us", spread(&Run::identity_us));
  row.Set("resolve_us", spread(&Run::resolve_us));
  row.Set("peak_kib", spread(&Run::peak_kib));
  row.Set("sites", static_cast<double>(median.sites));
}

}  // namespace
}  // namespace uprobed

int main(int count, char** values) {
  const uprobed::bench::Arguments arguments = uprobed::bench::ParseArguments(count, values);
  fmt::print("medians of {} runs, the file in the page cache\n", uprobed::kRuns);
  fmt::print("{:<28} {:>7} {:>9} {:>9} {:>8} {:>6}\n", "binary", "MB", "hash ms", "rest ms",
             "peak MiB", "sites");
  uprobed::bench::Report report;
  for (const std::string& path : arguments.words) uprobed::Measure(path, report);
  if (const absl::Status written = report.Write(arguments.json_path); !written.ok()) {
    std::fprintf(stderr, "resolver_bench: %s\n", uprobed::MessageOf(written).c_str());
    return 1;
  }
}
