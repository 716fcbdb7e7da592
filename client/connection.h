#ifndef UPROBED_CLIENT_CONNECTION_H_
#define UPROBED_CLIENT_CONNECTION_H_

#include <chrono>
#include <memory>
#include <string>

#include "client/interrupt.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/status.h"
#include "uprobed/v1/admin.grpc.pb.h"
#include "uprobed/v1/probe.grpc.pb.h"
#include "uprobed/v1/profile.grpc.pb.h"
#include "uprobed/v1/telemetry.grpc.pb.h"

namespace uprobed::client {

// The way to one daemon. Connects with the first call. Thread: main only.
class Connection {
 public:
  // `address` as ParseAddress returns it. `interrupt` ends calls and outlives the connection.
  Connection(std::string address, const std::shared_ptr<grpc::ChannelCredentials>& credentials,
             std::chrono::milliseconds timeout, Interrupt& interrupt);

  const std::string& address() const { return address_; }
  v1::ProbeService::StubInterface& probes() { return *probes_; }
  v1::ProfileService::StubInterface& profiles() { return *profiles_; }
  v1::TelemetryService::StubInterface& telemetry() { return *telemetry_; }
  v1::AdminService::StubInterface& admin() { return *admin_; }
  grpc::health::v1::Health::StubInterface& health() { return *health_; }

  // Runs `call(grpc::ClientContext*)`, which makes one unary call, with the deadline.
  template <class Call>
  grpc::Status Unary(const Call& call) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + timeout_);
    const Interrupt::Guard guard(interrupt_, context, Interrupt::EndsOn::kSignal);
    return Explain(call(&context));
  }

  // Opens a server stream by `open(grpc::ClientContext*)` and gives each response to `receive`,
  // which returns whether it wants more. OK where `receive` ended the stream. No deadline.
  template <class Response, class Open, class Receive>
  grpc::Status Stream(const Open& open, const Receive& receive) {
    grpc::ClientContext context;
    const Interrupt::Guard guard(interrupt_, context, Interrupt::EndsOn::kSignalOrOutputClosed);
    const auto reader = open(&context);
    Response response;
    bool received = false;
    while (reader->Read(&response)) {
      received = true;
      if (receive(response)) continue;
      context.TryCancel();
      // What the daemon still had under way is not wanted.
      while (reader->Read(&response)) {
      }
      reader->Finish();
      return grpc::Status::OK;
    }
    return received ? ExplainLost(reader->Finish()) : Explain(reader->Finish());
  }

 private:
  // Where no daemon answered: says which address was tried and what is wrong with it.
  grpc::Status Explain(const grpc::Status& status) const;
  // Where a stream that had begun broke off.
  grpc::Status ExplainLost(const grpc::Status& status) const;

  std::string address_;
  std::chrono::milliseconds timeout_;
  Interrupt& interrupt_;
  std::unique_ptr<v1::ProbeService::StubInterface> probes_;
  std::unique_ptr<v1::ProfileService::StubInterface> profiles_;
  std::unique_ptr<v1::TelemetryService::StubInterface> telemetry_;
  std::unique_ptr<v1::AdminService::StubInterface> admin_;
  std::unique_ptr<grpc::health::v1::Health::StubInterface> health_;
};

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_CONNECTION_H_
