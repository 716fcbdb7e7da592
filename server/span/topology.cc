#include "server/span/topology.h"

#include <algorithm>
#include <utility>

#include "server/span/http_parts.h"
#include "server/span/path_template.h"

namespace uprobed::span {
namespace {

void SetServed(Call& call, const ServedRequest& served) {
  call.key.callee = served.service;
  call.key.callee_function = served.function;
  call.callee_function_derived = served.function_derived;
  call.unresolved_in.reset();
  call.served_latency_ns = served.latency_ns;
  call.served_is_error = served.is_error;
}

}  // namespace

FunctionName Topology::FunctionOfPath(const std::string& path) {
  if (path.empty()) return {.name = unknown_};
  text_.clear();
  AppendPathTemplate(path, text_);
  return {.name = names_.Intern(text_), .derived = true};
}

FunctionName Topology::FunctionOfMethod(const Span& rpc) {
  text_.clear();
  rpc.AppendRpcFullMethod(text_);
  return {.name = names_.Intern(text_)};
}

FunctionName Topology::FunctionOf(const Span& server) {
  if (server.is_rpc()) return FunctionOfMethod(server);
  // That of the server may be a router, which says less than a route.
  const bool tells_function = !server.function.empty() && !server.function_of_server;
  if (tells_function) return {.name = names_.Intern(server.function)};
  if (!server.route.empty()) return {.name = names_.Intern(server.route)};
  if (!server.function.empty()) return {.name = names_.Intern(server.function)};
  return FunctionOfPath(server.path);
}

FunctionName Topology::CalledBy(const Span& client) {
  return client.is_rpc() ? FunctionOfMethod(client) : FunctionOfPath(client.path);
}

Name Topology::AuthorityOf(const Span& client) {
  if (client.server_address.empty()) return unknown_;
  text_.clear();
  AppendAuthority(client.server_address, client.server_port, text_);
  return names_.Intern(text_);
}

ServedRequest Topology::ServedOf(const Span& server, const Name& service,
                                 const FunctionName& function) {
  ServedRequest served{.service = service,
                       .target = TargetOf(server, text_),
                       .start_unix_ns = server.start_unix_ns,
                       .end_unix_ns = server.end_unix_ns,
                       .latency_ns = server.duration_ns(),
                       .is_error = server.is_error(),
                       .function = function.name,
                       .function_derived = function.derived};
  if (server.parent_source == ParentSource::kTraceparent) {
    served.parent_span_id = server.parent_span_id;
  }
  return served;
}

Call Topology::CallFromOutside(const ServedRequest& served) const {
  Call call{.key = {outside_, nobody_, {}, {}},
            .is_error = served.is_error,
            .latency_ns = served.latency_ns,
            .end_unix_ns = served.end_unix_ns};
  SetServed(call, served);
  return call;
}

Topology::Topology(TopologyLimits limits, Observer observer)
    : limits_(limits),
      observer_(std::move(observer)),
      edges_(limits.max_edges, limits.window_ns),
      matcher_(limits.matcher),
      recent_(limits.max_pending) {}

void Topology::Add(const Span& span, int64_t now_ns) {
  if (span.refused) return;  // nobody called any function
  const absl::MutexLock lock(&mutex_);
  now_ns_ = std::max(now_ns_, now_ns);
  if (span.kind == Kind::kServer) {
    AddServer(span);
  } else {
    AddClient(span);
  }
  EndWaits();
}

void Topology::Advance(int64_t now_ns) {
  const absl::MutexLock lock(&mutex_);
  now_ns_ = std::max(now_ns_, now_ns);
  EndWaits();
  edges_.Expire(now_ns_);
}

void Topology::SetService(uint64_t network_namespace, const std::string& authority,
                          const std::string& service) {
  const absl::MutexLock lock(&mutex_);
  const Name address = names_.Intern(authority);
  if (service.empty()) {
    services_.erase({network_namespace, address});
    return;
  }
  const Name name = names_.Intern(service);
  services_[{network_namespace, address}] = name;
  edges_.NameService(network_namespace, authority, service);
  for (const auto& [id, served] : matcher_.NameService(network_namespace, address, name)) {
    Answered(id, served);
  }
}

void Topology::AddServer(const Span& span) {
  const FunctionName function = FunctionOf(span);
  const Name service = names_.Intern(span.service_name);
  bool calls_somebody = false;
  while (PendingCall* const pending = pending_.TakeCallOf(span.span_id)) {
    calls_somebody = true;
    pending->call.key.caller_function = function.name;
    pending->call.caller_function_derived = function.derived;
    CountIfComplete(*pending);
  }
  if (!calls_somebody) {
    Count({.key = {service, function.name, nobody_, nobody_},
           .caller_function_derived = function.derived,
           .is_error = span.is_error(),
           .latency_ns = span.duration_ns(),
           .end_unix_ns = span.end_unix_ns});
  }
  const ServedRequest served = ServedOf(span, service, function);
  recent_.Remember(span.span_id, function);
  if (const auto id = matcher_.AddServed(served, now_ns_); id.has_value()) Answered(*id, served);
}

void Topology::AddClient(const Span& span) {
  PendingCall pending{.id = ++next_id_,
                      .call = {.key = {names_.Intern(span.service_name), nobody_, {}, {}},
                               .is_error = span.is_error(),
                               .latency_ns = span.duration_ns(),
                               .end_unix_ns = span.end_unix_ns},
                      .arrival_ns = now_ns_};
  SetCaller(pending, span);
  SetCallee(pending, span);
  if (pending.is_complete()) {
    Count(std::move(pending.call));
  } else {
    pending_.Add(std::move(pending));
  }
}

void Topology::SetCaller(PendingCall& pending, const Span& client) {
  // A server span that this daemon sees, too, and that ends later, as a rule.
  const bool has_server_span = client.parent_source != ParentSource::kNone &&
                               client.parent_source != ParentSource::kTraceparent;
  if (!has_server_span) return;
  const FunctionName* ended = recent_.Find(client.parent_span_id);
  if (ended == nullptr) {
    pending.server_span_id = client.parent_span_id;
    return;
  }
  pending.call.key.caller_function = ended->name;
  pending.call.caller_function_derived = ended->derived;
}

void Topology::SetCallee(PendingCall& pending, const Span& client) {
  const FunctionName function = CalledBy(client);
  pending.call.key.callee = AuthorityOf(client);
  pending.call.key.callee_function = function.name;
  pending.call.callee_function_derived = function.derived;
  pending.call.unresolved_in = client.network_namespace;

  OutgoingCall call{.id = pending.id,
                    .span_id = client.span_id,
                    .network_namespace = client.network_namespace,
                    .authority = pending.call.key.callee,
                    .target = TargetOf(client, text_),
                    .start_unix_ns = client.start_unix_ns,
                    .end_unix_ns = client.end_unix_ns};
  const auto service = services_.find({call.network_namespace, call.authority});
  if (service != services_.end()) call.service = service->second;
  pending.callee =
      call.service.empty() ? PendingCall::Callee::kAddress : PendingCall::Callee::kService;
  if (const auto served = matcher_.AddCall(std::move(call), now_ns_); served.has_value()) {
    SetServed(pending.call, *served);
    return;
  }
  // Without a response there need not be a request at the other end.
  if (client.status_code == 0 && !client.is_rpc()) return;
  pending.callee_deadline_ns = now_ns_ + (pending.callee == PendingCall::Callee::kAddress
                                              ? limits_.address_timeout_ns
                                              : limits_.matcher.served_timeout_ns);
}

void Topology::Answered(uint64_t id, const ServedRequest& served) {
  PendingCall* const pending = pending_.Find(id);
  if (pending == nullptr) return;  // counted already, by what its own span told
  SetServed(pending->call, served);
  EndWaitForCallee(*pending);
}

void Topology::EndWaitForCallee(PendingCall& pending) {
  pending_.EndWaitForCallee(pending);
  CountIfComplete(pending);
}

void Topology::CountIfComplete(PendingCall& pending) {
  if (!pending.is_complete()) return;
  Count(std::move(pending.call));
  pending_.Remove(pending);
}

void Topology::EndWaits() {
  // A callee's route is given up before a caller's.
  while (pending_.size() > limits_.max_pending) {
    PendingCall* const pending = pending_.EarliestDeadline();
    if (pending == nullptr) break;
    EndWaitForCallee(*pending);
  }
  while (pending_.size() > limits_.max_pending) ExpireOldest();
  while (pending_.size() > 0 &&
         now_ns_ - pending_.Oldest()->arrival_ns > limits_.caller_timeout_ns) {
    ExpireOldest();
  }
  for (PendingCall* pending = pending_.EarliestDeadline();
       pending != nullptr && *pending->callee_deadline_ns < now_ns_;
       pending = pending_.EarliestDeadline()) {
    EndWaitForCallee(*pending);
  }
  while (const std::optional<ServedRequest> served = matcher_.TakeUnclaimed(now_ns_)) {
    Count(CallFromOutside(*served));
  }
}

void Topology::ExpireOldest() {
  PendingCall& oldest = *pending_.Oldest();
  if (oldest.server_span_id.has_value()) {
    // It is the oldest of its server span's, too.
    pending_.TakeCallOf(SpanId(*oldest.server_span_id));
    oldest.call.key.caller_function = unknown_;
    ++expired_;
  }
  EndWaitForCallee(oldest);
}

void Topology::Count(Call call) {
  if (call.unresolved_in.has_value()) {
    const auto service = services_.find({*call.unresolved_in, call.key.callee});
    if (service != services_.end()) {
      call.key.callee = service->second;
      call.unresolved_in.reset();
    }
  }
  if (edges_.Count(call, now_ns_)) ++overflowed_;
  if (observer_) observer_(call, now_ns_);
}

std::vector<Edge> Topology::Snapshot() const {
  const absl::MutexLock lock(&mutex_);
  return edges_.Snapshot();
}

EdgeChanges Topology::ChangesSince(uint64_t revision) const {
  const absl::MutexLock lock(&mutex_);
  return edges_.ChangesSince(revision);
}

TopologyStats Topology::stats() const {
  const absl::MutexLock lock(&mutex_);
  return {.edges = edges_.size(),
          .pending = pending_.size(),
          .waiting = matcher_.waiting(),
          .overflowed = overflowed_,
          .expired = expired_,
          .dropped = edges_.dropped()};
}

}  // namespace uprobed::span
