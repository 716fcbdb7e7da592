#include "tests/bench/pipeline_server.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <thread>
#include <vector>

namespace uprobed::bench {
namespace {

constexpr char kMethod[] = "/uprobed.v1.TelemetryService/StreamSpans";
constexpr std::chrono::microseconds kPause{200};
// Of each subscriber; far below the capacity of its queue.
constexpr uint64_t kMaxQueued = 8192;

std::string OwnProgram() {
  std::array<char, 4096> path{};
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size());
  return length <= 0 ? "" : std::string(path.data(), static_cast<size_t>(length));
}

// One call, whose responses stay bytes.
struct Subscriber {
  std::unique_ptr<grpc::GenericStub> stub;
  grpc::ClientContext context;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call;
  grpc::ByteBuffer response;
  enum class Next { kWrite, kRead, kGone } next = Next::kWrite;
};

}  // namespace

v1::StreamSpansRequest RequestFor(Reading reading) {
  v1::StreamSpansRequest request;
  request.set_compact(reading == Reading::kCompact);
  if (reading != Reading::kMasked) return request;
  for (const char* path : {"name", "start_time", "end_time", "attributes"}) {
    request.mutable_read_mask()->add_paths(path);
  }
  request.add_attribute_keys("http.response.status_code");
  return request;
}

PipelineServer::PipelineServer(Pipeline& pipeline, size_t subscribers, Reading reading)
    : pipeline_(pipeline),
      subscribers_(subscribers),
      reading_(reading),
      service_(
          pipeline.hub(), span_demand_, pipeline.topology(),
          [] { return std::vector<metrics::FamilySnapshot>(); }, streams_) {}

PipelineServer::~PipelineServer() {
  streams_.Stop();
  service_.Stop();
  if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
  if (process_.has_value()) process_->Wait();
}

bool PipelineServer::Start() {
  const std::string address = "unix:" + dir_.File("socket");
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials());
  builder.RegisterService(&service_);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) return false;
  process_ = testing::ChildProcess::Start({OwnProgram(), "subscribe", address,
                                           std::to_string(subscribers_),
                                           std::to_string(static_cast<int>(reading_))});
  if (!process_.has_value()) return false;
  while (pipeline_.hub().stats().subscribers < subscribers_) std::this_thread::sleep_for(kPause);
  return true;
}

void PipelineServer::WaitForQueues(uint64_t at_most) const {
  while (pipeline_.hub().stats().queued > at_most) std::this_thread::sleep_for(kPause);
}

void PipelineServer::FeedAndDeliver(size_t records) {
  for (size_t fed = 0; fed < records; fed += kRecordsPerLook) {
    pipeline_.Feed(kRecordsPerLook);
    WaitForQueues(kMaxQueued * subscribers_);
  }
  WaitForQueues(0);
}

int RunSubscribers(const std::string& address, size_t count, Reading reading) {
  const grpc::Slice bytes(RequestFor(reading).SerializeAsString());
  const grpc::ByteBuffer request(&bytes, 1);
  grpc::CompletionQueue queue;
  std::vector<std::unique_ptr<Subscriber>> subscribers;
  for (size_t i = 0; i < count; ++i) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    auto& subscriber = *subscribers.emplace_back(std::make_unique<Subscriber>());
    subscriber.stub = std::make_unique<grpc::GenericStub>(
        grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
    subscriber.call = subscriber.stub->PrepareCall(&subscriber.context, kMethod, &queue);
    subscriber.call->StartCall(&subscriber);
  }
  void* tag = nullptr;
  bool ok = false;
  for (size_t left = count; left > 0 && queue.Next(&tag, &ok);) {
    auto& subscriber = *static_cast<Subscriber*>(tag);
    if (!ok) {
      --left;
      continue;
    }
    if (subscriber.next == Subscriber::Next::kWrite) {
      subscriber.next = Subscriber::Next::kRead;
      subscriber.call->WriteLast(request, grpc::WriteOptions(), &subscriber);
    } else {
      subscriber.call->Read(&subscriber.response, &subscriber);
    }
  }
  return 0;
}

}  // namespace uprobed::bench
