#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "tests/bench/overhead_scenario.h"
#include "tests/support/targets.h"

namespace uprobed::bench {
namespace {

constexpr int kConnections = 8;

// The newest that is not stripped; empty where none is built.
std::string NewestProgram(const std::string& name) {
  std::string newest;
  for (const testing::TargetProgram& target : testing::AvailableTargets(name)) {
    if (!target.stripped) newest = target.path.string();
  }
  return newest;
}

// Their names tell the version of the library first.
std::string NewestGrpcProgram() {
  std::string newest;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(testing::TargetsDir(), error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("grpc-v") || name.ends_with("-stripped")) continue;
    newest = std::max(newest, entry.path().string());
  }
  return newest;
}

std::function<std::vector<std::string>(const std::string&, double)> HttpLoad(
    const std::string& path, const std::string& option) {
  return [path, option](const std::string& address, double seconds) {
    return std::vector<std::string>{testing::HelperProgram("loadgen").string(),
                                    option,
                                    "-url",
                                    "http://" + address + path,
                                    "-n",
                                    "0",
                                    "-c",
                                    std::to_string(kConnections),
                                    "-duration",
                                    fmt::format("{}s", seconds)};
  };
}

}  // namespace

std::vector<Scenario> Scenarios(const std::string& folder) {
  std::vector<Scenario> scenarios;
  const auto add = [&scenarios](Scenario scenario) {
    if (scenario.server[0].empty()) {
      std::fprintf(stderr, "no program for %s: run scripts/build_targets\n", scenario.name.c_str());
    } else {
      scenarios.push_back(std::move(scenario));
    }
  };
  const auto add_hello = [&add](const std::string& name, const std::string& title,
                                const std::string& path) {
    add({.name = name,
         .title = title,
         .server = {NewestProgram("hello"), "-addr", "127.0.0.1:0"},
         .load = HttpLoad(path, "-raw"),
         .grpc = false});
  };
  add_hello(kHello, "HTTP/1, three bytes", "/hello");
  add_hello(kWork, "HTTP/1, 10 us of CPU time", "/work?us=10");
  add_hello(kJson, "HTTP/1, JSON and 1 ms of CPU time", "/json?us=1000");
  add_hello("call", "HTTP/1, calls the same program: two requests served, one made", "/call");
  add({.name = "http2",
       .title = "HTTP/2 without TLS, golang.org/x/net, three bytes",
       .server = {NewestProgram("h2c"), "-addr", "127.0.0.1:0"},
       .load = HttpLoad("/hello", "-h2c"),
       .grpc = false});
  const std::string grpc = NewestGrpcProgram();
  // Who asks is the same program; a copy of its file is not probed with it.
  const std::string copy = folder + "/grpc-load";
  std::error_code error;
  if (!grpc.empty()) std::filesystem::copy_file(grpc, copy, error);
  add({.name = "grpc",
       .title = "gRPC, unary",
       .server = {grpc, "serve"},
       .load =
           [copy](const std::string& address, double seconds) {
             return std::vector<std::string>{copy, "bench", address, fmt::format("{}", seconds),
                                             std::to_string(kConnections)};
           },
       .grpc = true});
  return scenarios;
}

}  // namespace uprobed::bench
