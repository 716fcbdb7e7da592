#include <google/protobuf/descriptor.h>
#include <grpcpp/generic/generic_stub.h>

#include <set>

#include "tests/unit/rpc/server_fixture.h"

namespace uprobed::rpc {
namespace {

// What a client without our proto files sees: every method, called with bytes.
class ContractTest : public ServerTest {
 protected:
  static std::vector<std::string> Methods() {
    std::vector<std::string> methods;
    for (const auto* file :
         {v1::CreateProbeRequest::descriptor()->file(), v1::Profile::descriptor()->file(),
          v1::Span::descriptor()->file(), v1::Node::descriptor()->file(),
          grpc::health::v1::HealthCheckRequest::descriptor()->file()}) {
      for (int s = 0; s < file->service_count(); ++s) {
        for (int m = 0; m < file->service(s)->method_count(); ++m) {
          methods.push_back("/" + file->service(s)->full_name() + "/" +
                            file->service(s)->method(m)->name());
        }
      }
    }
    return methods;
  }

  // The status of a call with `request` as its message. A stream is left after its first response.
  grpc::Status CallWith(const std::string& method, const std::string& request) {
    grpc::GenericStub stub(channel_);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    grpc::CompletionQueue queue;
    const auto next = [&queue] {
      void* tag = nullptr;
      bool ok = false;
      return queue.Next(&tag, &ok) && ok;
    };
    const auto call = stub.PrepareCall(&context, method, &queue);
    call->StartCall(nullptr);
    next();
    const grpc::Slice slice(request);
    call->WriteLast(grpc::ByteBuffer(&slice, 1), {}, nullptr);
    next();
    grpc::ByteBuffer response;
    call->Read(&response, nullptr);
    const bool answered = next();
    if (answered) context.TryCancel();
    grpc::Status status;
    call->Finish(&status, nullptr);
    next();
    queue.Shutdown();
    while (next()) {
    }
    return answered ? grpc::Status::OK : status;
  }

  static void ExpectOursOrOk(const grpc::Status& status, const std::string& method) {
    if (status.ok()) return;
    const google::rpc::ErrorInfo info = ErrorInfoOf(status);
    EXPECT_NE(status.error_code(), grpc::StatusCode::UNKNOWN) << method;
    EXPECT_NE(status.error_code(), grpc::StatusCode::UNIMPLEMENTED) << method;
    EXPECT_NE(status.error_message(), "") << method;
    EXPECT_NE(info.reason(), "") << method;
    EXPECT_EQ(info.domain(), "uprobed.v1") << method;
  }
};

TEST_F(ContractTest, CoversEveryService) { EXPECT_GE(Methods().size(), 21U); }

TEST_F(ContractTest, AnswersEachEmptyRequestByTheRules) {
  for (const std::string& method : Methods()) ExpectOursOrOk(CallWith(method, ""), method);
}

TEST_F(ContractTest, AnswersGarbageByTheRules) {
  for (const std::string& method : Methods()) {
    // A tag of field 1 with a length beyond the message.
    const grpc::Status status = CallWith(method, "\x0A\xFF\xFF\xFF\x0F");
    EXPECT_EQ(Summary(status), "INVALID_ARGUMENT REQUEST_MALFORMED") << method;
    ExpectOursOrOk(CallWith(method, "\xFF\xFF\xFF\xFF\xFF"), method);
    // Field 1 as a string that is no UTF-8, as a message that is none, or of another type.
    ExpectOursOrOk(CallWith(method, "\x0A\x02\xC3\x28"), method);
    // Unknown fields only.
    ExpectOursOrOk(CallWith(method, "\xF8\x7F\x01"), method);
  }
}

TEST_F(ContractTest, HasReasonsInUpperSnakeCase) {
  for (const std::string& method : Methods()) {
    const grpc::Status status = CallWith(method, "");
    if (status.ok()) continue;
    const std::string reason = ErrorInfoOf(status).reason();
    EXPECT_EQ(reason.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"), std::string::npos)
        << reason;
  }
}

}  // namespace
}  // namespace uprobed::rpc
