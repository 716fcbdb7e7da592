// Each Go release built in each way there is: as many spans as requests, printed as a table.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "tests/kernel/kernel_fixture.h"

namespace uprobed::testing {
namespace {

constexpr int kMatrixRequests = 100;

class BuildMatrixTest : public KernelTest {
 protected:
  // "100 + 100" of as many requests served and made, or what is wrong.
  std::string Try(const std::filesystem::path& program) {
    const std::string path = OwnCopy(program);
    auto attachment = Attach(path);
    if (attachment == nullptr) return "not attached";
    auto target = RunningTarget::Start(path);
    if (!target) return "not started";
    spans_.Clear();
    // One request served, which makes another one, to the same program.
    if (Load("http://" + target->address + "/call", kMatrixRequests, 4) != 0) return "no load";
    const auto called = [](const span::Span& span) {
      return IsServer(span) && span.path == "/call" && span.status_code == 200;
    };
    const auto served = [](const span::Span& span) {
      return IsServer(span) && span.path == "/hello" && span.status_code == 200 &&
             span.response_body_size == 3;
    };
    const auto made = [](const span::Span& span) {
      return IsClient(span) && span.path == "/hello" && span.status_code == 200 &&
             span.parent_source == span::ParentSource::kGoroutine;
    };
    const size_t served_spans =
        spans_.Wait(kMatrixRequests, called).size() + spans_.Wait(kMatrixRequests, served).size();
    const size_t made_spans = spans_.Wait(kMatrixRequests, made).size();
    const size_t others = spans_.All().size() - served_spans - made_spans;
    const uint64_t single_stepped = attachment->single_stepped_site_count();
    return fmt::format("{} + {}{}{}", served_spans, made_spans,
                       others == 0 ? "" : fmt::format(", {} wrong", others),
                       single_stepped == 0 ? "" : fmt::format(", {} stepped", single_stepped));
  }
};

TEST_F(BuildMatrixTest, ExactSpansOfEachBuild) {
  const std::array<std::string, 5> builds = {"default", "stripped", "trimpath", "pie", "cgo"};
  auto matrix = BuildMatrix("hello");
  if (matrix.empty()) GTEST_SKIP() << "no programs; run scripts/build_targets";
  const std::string exact = fmt::format("{} + {}", 2 * kMatrixRequests, kMatrixRequests);
  std::string table = fmt::format("server + client spans of {} requests served and made\n{:<12}",
                                  kMatrixRequests, "");
  for (const std::string& build : builds) table += fmt::format("{:<16}", build);
  for (auto& [version, programs] : matrix) {
    table += fmt::format("\n{:<12}", version);
    for (const std::string& build : builds) {
      const bool built = programs.contains(build);
      const std::string result = built ? Try(programs[build]) : "-";
      table += fmt::format("{:<16}", result);
      EXPECT_TRUE(!built || result == exact) << version << " " << build << ": " << result;
    }
  }
  fmt::print("{}\n(-: not built; scripts/build_targets matrix builds all)\n", table);
}

}  // namespace
}  // namespace uprobed::testing
