// Who wants spans: the kernel is told before they are, and when they have gone.
#include <memory>
#include <thread>

#include "tests/unit/rpc/server_fixture.h"

namespace uprobed::rpc {
namespace {

class SpanDemandTest : public ServerTest {
 protected:
  struct Stream {
    std::unique_ptr<grpc::ClientContext> context = std::make_unique<grpc::ClientContext>();
    std::unique_ptr<grpc::ClientReader<v1::StreamSpansResponse>> reader;
  };
  Stream StreamSpans(const std::string& filter = "") {
    v1::StreamSpansRequest request;
    request.set_filter(filter);
    Stream stream;
    stream.reader = telemetry_->StreamSpans(stream.context.get(), request);
    return stream;
  }
  void WaitUntilNobodyWantsSpans() {
    while (backend_.spans_streamed()) std::this_thread::yield();
  }
};

TEST_F(SpanDemandTest, AStreamWantsSpansFromBeforeItStartsUntilItsClientGoes) {
  EXPECT_FALSE(backend_.spans_streamed());
  v1::StreamSpansResponse response;
  const Stream first = StreamSpans("url.path = \"/nobody asks for it\"");
  ASSERT_TRUE(first.reader->Read(&response));
  EXPECT_TRUE(response.started());
  EXPECT_TRUE(backend_.spans_streamed());
  const Stream second = StreamSpans();
  ASSERT_TRUE(second.reader->Read(&response));

  first.context->TryCancel();
  while (hub_.stats().subscribers != 1) std::this_thread::yield();
  EXPECT_TRUE(backend_.spans_streamed());

  second.context->TryCancel();
  WaitUntilNobodyWantsSpans();
}

TEST_F(SpanDemandTest, AStreamThatIsRefusedWantsNone) {
  v1::StreamSpansResponse response;
  const Stream stream = StreamSpans("url.path = = 3");
  EXPECT_FALSE(stream.reader->Read(&response));
  EXPECT_FALSE(backend_.spans_streamed());
}

TEST_F(SpanDemandTest, AWatchOfTheTopologyWantsSpansFromBeforeItsFirstAnswerUntilItsClientGoes) {
  grpc::ClientContext context;
  const auto reader = telemetry_->WatchTopology(&context, {});
  v1::WatchTopologyResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_TRUE(backend_.spans_streamed());

  context.TryCancel();
  WaitUntilNobodyWantsSpans();
}

TEST_F(SpanDemandTest, NobodyWantsSpansBehindTheServersEnd) {
  v1::StreamSpansResponse response;
  const Stream stream = StreamSpans();
  ASSERT_TRUE(stream.reader->Read(&response));

  server_->Shutdown(std::chrono::seconds(10));

  WaitUntilNobodyWantsSpans();
}

}  // namespace
}  // namespace uprobed::rpc
