#ifndef UPROBED_TESTS_KERNEL_LIMITS_FIXTURE_H_
#define UPROBED_TESTS_KERNEL_LIMITS_FIXTURE_H_

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/base/unique_fd.h"
#include "tests/kernel/kernel_fixture.h"

namespace uprobed::testing {

inline constexpr char kSampled[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
inline constexpr char kNotSampled[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

// Sends one request with a traceparent and waits until the connection is closed.
inline bool SendWithTraceparent(const std::string& address, const std::string& traceparent,
                                const std::string& path = "/hello") {
  const size_t colon = address.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(colon + 1))));
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) return false;
  const std::string request =
      "GET " + path +
      " HTTP/1.1\r\nHost: hello\r\nConnection: close\r\ntraceparent: " + traceparent + "\r\n\r\n";
  if (send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return false;
  }
  char answer[4096];
  bool answered = false;
  while (recv(fd.get(), answer, sizeof(answer), 0) > 0) answered = true;
  return answered;
}

// A running program, and what its limits have made of the requests that it was sent.
class LimitsTest : public KernelTest, public ::testing::WithParamInterface<TargetProgram> {
 protected:
  LimitsTest() = default;
  explicit LimitsTest(const probe::BpfObjectOptions& options) : KernelTest(options) {}

  void SetUp() override {
    KernelTest::SetUp();
    if (IsSkipped()) return;
    target_ = RunningTarget::Start(OwnCopy(GetParam().path));
    ASSERT_TRUE(target_.has_value());
  }

  void TearDown() override { ExpectBalance(attachment_.get()); }

  void AttachWith(const SpanLimits& limits) {
    span_limits_ = limits;
    attachment_ = Attach(OwnCopy(GetParam().path));
    ASSERT_NE(attachment_, nullptr);
  }

  void Send(const std::string& path, int total, const std::vector<std::string>& options = {}) {
    ASSERT_EQ(Load("http://" + target_->address + path, total, 2, options), 0);
  }

  // All spans of `requests`, each of which has become one, or is counted by why it has not.
  std::vector<span::Span> SpansOf(uint64_t requests) {
    constexpr up_counter kCounters[] = {
        UP_COUNTER_EVENTS_SUBMITTED,   UP_COUNTER_SUPPRESSED_FILTERED,
        UP_COUNTER_SUPPRESSED_SAMPLED, UP_COUNTER_SUPPRESSED_RATE_LIMITED,
        UP_COUNTER_SUPPRESSED_BUDGET,  UP_COUNTER_SUPPRESSED_UNSTREAMED,
        UP_COUNTER_LOST_RING_FULL,     UP_COUNTER_LOST_MAP_FULL,
        UP_COUNTER_LOST_NO_START,      UP_COUNTER_LOST_ABANDONED,
        UP_COUNTER_LOST_READ_FAULT,    UP_COUNTER_LOST_PREEMPTED};
    uint64_t accounted = 0;
    for (const up_counter counter : kCounters) accounted += Counter(counter);
    EXPECT_EQ(accounted, requests);
    EXPECT_EQ(backend_.InFlight(), 0U);
    const uint64_t submitted = Counter(UP_COUNTER_EVENTS_SUBMITTED);
    loop_.Stop();  // what is in the ring buffer is delivered
    EXPECT_EQ(spans_.All().size(), submitted);
    return spans_.All();
  }

  uint64_t Counter(up_counter counter) const { return attachment_->counters().value[counter]; }

  std::optional<RunningTarget> target_;
  std::unique_ptr<probe::Attachment> attachment_;
};

inline std::vector<TargetProgram> LimitedTargets() {
  const std::vector<TargetProgram> all = AvailableTargets("hello");
  if (all.size() < 2) return all;
  return {all.front(), all.back()};
}

inline std::string LimitedTargetName(const ::testing::TestParamInfo<TargetProgram>& target) {
  std::string name = target.param.path.filename().string();
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '-' || c == '.'; }, '_');
  return name;
}

}  // namespace uprobed::testing

#endif  // UPROBED_TESTS_KERNEL_LIMITS_FIXTURE_H_
