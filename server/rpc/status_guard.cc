#include "server/rpc/status_guard.h"

#include "server/base/errors.h"
#include "server/rpc/status.h"

namespace uprobed::rpc {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::Interceptor;
using grpc::experimental::InterceptorBatchMethods;
using grpc::experimental::ServerInterceptorFactoryInterface;
using grpc::experimental::ServerRpcInfo;

absl::Status Describe(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::INTERNAL:
      // What SerializationTraits::Deserialize of gRPC answers to bytes that do not parse. Our own
      // INTERNAL errors have details and never come here.
      return MakeError(absl::StatusCode::kInvalidArgument, "REQUEST_MALFORMED",
                       "the request is not a message of this method: build the client from the "
                       "daemon's proto files or ask its reflection service");
    case grpc::StatusCode::UNKNOWN:
      return MakeError(absl::StatusCode::kInternal, "INTERNAL",
                       "the daemon failed unexpectedly: see its log");
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return MakeError(absl::StatusCode::kResourceExhausted, "CALLS_EXHAUSTED",
                       "too many calls at once: try again later");
    default:
      return MakeError(static_cast<absl::StatusCode>(status.error_code()), "TRANSPORT",
                       status.error_message());
  }
}

class StatusGuard final : public Interceptor {
 public:
  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      const grpc::Status status = methods->GetSendStatus();
      if (!status.ok() && status.error_details().empty()) {
        methods->ModifySendStatus(ToGrpcStatus(Describe(status)));
      }
    }
    methods->Proceed();
  }
};

class StatusGuardFactory final : public ServerInterceptorFactoryInterface {
 public:
  // The gRPC library owns what this returns and deletes it with the call.
  Interceptor* CreateServerInterceptor(ServerRpcInfo* /*info*/) override {
    return std::make_unique<StatusGuard>().release();
  }
};

}  // namespace

std::unique_ptr<ServerInterceptorFactoryInterface> MakeStatusGuardFactory() {
  return std::make_unique<StatusGuardFactory>();
}

}  // namespace uprobed::rpc
