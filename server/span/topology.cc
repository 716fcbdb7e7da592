#include "server/span/topology.h"

#include <algorithm>
#include <iterator>

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
  auto each = pending_by_server_.lower_bound({span.span_id, 0});
  const bool calls_somebody = each != pending_by_server_.end() && each->first == span.span_id;
  while (each != pending_by_server_.end() && each->first == span.span_id) {
    const auto pending = pending_.find(each->second);
    each = pending_by_server_.erase(each);
    pending->second.call.key.caller_function = function.name;
    pending->second.call.caller_function_derived = function.derived;
    pending->second.server_span_id.reset();
    CountIfComplete(pending);
  }
  if (!calls_somebody) {
    Count({.key = {service, function.name, nobody_, nobody_},
           .caller_function_derived = function.derived,
           .is_error = span.is_error(),
           .latency_ns = span.duration_ns(),
           .end_unix_ns = span.end_unix_ns});
  }
  recent_.Remember(span.span_id, function);
  const ServedRequest served = ServedOf(span, service, function);
  if (const auto id = matcher_.AddServed(served, now_ns_); id.has_value()) Answered(*id, served);
}

void Topology::AddClient(const Span& span) {
  const uint64_t id = ++next_id_;
  Pending pending{.call = {.key = {names_.Intern(span.service_name), nobody_, {}, {}},
                           .is_error = span.is_error(),
                           .latency_ns = span.duration_ns(),
                           .end_unix_ns = span.end_unix_ns},
                  .arrival_ns = now_ns_};
  SetCaller(pending, span);
  SetCallee(pending, span, id);
  if (pending.server_span_id.has_value()) pending_by_server_.emplace(*pending.server_span_id, id);
  if (const auto deadline_ns = pending.callee_deadline_ns; deadline_ns.has_value()) {
    pending_for_callee_.emplace(*deadline_ns, id);
  }
  CountIfComplete(pending_.emplace(id, std::move(pending)).first);
}

void Topology::SetCaller(Pending& pending, const Span& client) {
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

void Topology::SetCallee(Pending& pending, const Span& client, uint64_t id) {
  const FunctionName function = CalledBy(client);
  pending.call.key.callee = AuthorityOf(client);
  pending.call.key.callee_function = function.name;
  pending.call.callee_function_derived = function.derived;
  pending.call.unresolved_in = client.network_namespace;

  OutgoingCall call{.id = id,
                    .span_id = client.span_id,
                    .network_namespace = client.network_namespace,
                    .authority = pending.call.key.callee,
                    .target = TargetOf(client, text_),
                    .start_unix_ns = client.start_unix_ns,
                    .end_unix_ns = client.end_unix_ns};
  const auto service = services_.find({call.network_namespace, call.authority});
  if (service != services_.end()) call.service = service->second;
  const int64_t timeout_ns =
      call.service.empty() ? limits_.address_timeout_ns : limits_.matcher.served_timeout_ns;
  if (const auto served = matcher_.AddCall(std::move(call), now_ns_); served.has_value()) {
    SetServed(pending.call, *served);
    return;
  }
  // Without a response there need not be a request at the other end.
  if (client.status_code != 0 || client.is_rpc()) pending.callee_deadline_ns = now_ns_ + timeout_ns;
}

void Topology::Answered(uint64_t id, const ServedRequest& served) {
  const auto pending = pending_.find(id);
  if (pending == pending_.end()) return;  // counted already, by what its own span told
  SetServed(pending->second.call, served);
  EndWaitForCallee(pending);
}

void Topology::EndWaitForCallee(PendingById::iterator pending) {
  std::optional<int64_t>& deadline_ns = pending->second.callee_deadline_ns;
  if (deadline_ns.has_value()) pending_for_callee_.erase({*deadline_ns, pending->first});
  deadline_ns.reset();
  CountIfComplete(pending);
}

void Topology::CountIfComplete(PendingById::iterator pending) {
  if (pending->second.server_span_id.has_value()) return;
  if (pending->second.callee_deadline_ns.has_value()) return;
  Count(std::move(pending->second.call));
  pending_.erase(pending);
}

void Topology::EndWaits() {
  // A callee's route is given up before a caller's.
  while (pending_.size() > limits_.max_pending && !pending_for_callee_.empty()) {
    EndWaitForCallee(pending_.find(pending_for_callee_.begin()->second));
  }
  while (pending_.size() > limits_.max_pending) ExpireOldest();
  while (!pending_.empty() &&
         now_ns_ - pending_.begin()->second.arrival_ns > limits_.caller_timeout_ns) {
    ExpireOldest();
  }
  while (!pending_for_callee_.empty() && pending_for_callee_.begin()->first < now_ns_) {
    EndWaitForCallee(pending_.find(pending_for_callee_.begin()->second));
  }
  while (const std::optional<ServedRequest> served = matcher_.TakeUnclaimed(now_ns_)) {
    Count(CallFromOutside(*served));
  }
}

void Topology::ExpireOldest() {
  const auto oldest = pending_.begin();
  Pending& pending = oldest->second;
  if (pending.server_span_id.has_value()) {
    pending_by_server_.erase({*pending.server_span_id, oldest->first});
    pending.call.key.caller_function = unknown_;
    pending.server_span_id.reset();
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
