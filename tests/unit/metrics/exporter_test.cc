#include "server/metrics/exporter.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/text_serializer.h"
#include "server/base/errors.h"
#include "server/base/unique_fd.h"
#include "server/metrics/http_metrics.h"
#include "server/metrics/self_metrics.h"
#include "tests/unit/metrics/samples.h"

namespace uprobed::metrics {
namespace {

using testing::HasSubstr;

std::vector<std::shared_ptr<prometheus::Collectable>> AllCollectables() {
  auto http = std::make_shared<HttpMetrics>(1);
  http->Record(ServerSpan());
  http->Record(ServerSpan("/other"));
  http->Record(ClientSpan());
  return {http, std::make_shared<SelfMetrics>(SampleSources())};
}

// What the server on 127.0.0.1:`port` answers to GET /metrics.
std::string Scrape(uint16_t port) {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return "";
  }
  const std::string request = "GET /metrics HTTP/1.0\r\n\r\n";
  if (::write(socket.get(), request.data(), request.size()) !=
      static_cast<ssize_t>(request.size())) {
    return "";
  }
  std::string answer;
  std::array<char, 4096> buffer;
  ssize_t count = 0;
  while ((count = ::read(socket.get(), buffer.data(), buffer.size())) > 0) {
    answer.append(buffer.data(), static_cast<size_t>(count));
  }
  return answer;
}

TEST(Exporter, ServesEveryCollectableOnFreePort) {
  const auto exporter = Exporter::Start("127.0.0.1:0", AllCollectables());

  ASSERT_TRUE(exporter.ok()) << exporter.status();
  ASSERT_NE((*exporter)->port(), 0);
  const std::string answer = Scrape((*exporter)->port());
  EXPECT_THAT(answer, HasSubstr("200 OK"));
  EXPECT_THAT(answer, HasSubstr("uprobed_build_info{version=\"1.2.3\"} 1"));
  EXPECT_THAT(answer,
              HasSubstr("http_server_request_duration_seconds_count{service_name=\"shop\""));
}

TEST(Exporter, RefusesAddressInUse) {
  const auto first = Exporter::Start("127.0.0.1:0", {});
  ASSERT_TRUE(first.ok()) << first.status();

  const auto second = Exporter::Start("127.0.0.1:" + std::to_string((*first)->port()), {});

  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(second.status()), "METRICS_ADDRESS_IN_USE");
}

TEST(Exporter, FreesPortWhenDestroyed) {
  auto first = Exporter::Start("127.0.0.1:0", {});
  ASSERT_TRUE(first.ok()) << first.status();
  const std::string address = "127.0.0.1:" + std::to_string((*first)->port());
  first->reset();

  EXPECT_TRUE(Exporter::Start(address, {}).ok());
}

TEST(Exporter, RefusesWhatIsNoSingleAddress) {
  for (const char* address : {"", "9464", ":9464", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
                              "127.0.0.1:9464s", "127.0.0.1:0,0.0.0.0:0", "+9464", "::1:9464",
                              "[127.0.0.1]:0", "[]:0", "localhost:x", "127.0.0.1:-1"}) {
    const auto exporter = Exporter::Start(address, {});
    ASSERT_FALSE(exporter.ok()) << address;
    EXPECT_EQ(exporter.status().code(), absl::StatusCode::kInvalidArgument) << address;
    EXPECT_EQ(ReasonOf(exporter.status()), "METRICS_ADDRESS_INVALID") << address;
  }
}

// promtool's linter: units, suffixes and help of everything that is exported.
TEST(Exporter, ExportsMetricsThatPromtoolFindsClean) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "promtool is not installed (package prometheus)";
  }
  std::string exposition;
  for (const auto& collectable : AllCollectables()) {
    exposition += prometheus::TextSerializer().Serialize(collectable->Collect());
  }

  std::FILE* promtool = popen("promtool check metrics 2>&1", "w");
  ASSERT_NE(promtool, nullptr);
  const size_t written = std::fwrite(exposition.data(), 1, exposition.size(), promtool);
  const int status = pclose(promtool);

  EXPECT_EQ(written, exposition.size());
  EXPECT_EQ(status, 0) << exposition;
}

}  // namespace
}  // namespace uprobed::metrics
