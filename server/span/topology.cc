#include "server/span/topology.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "server/span/http_parts.h"

namespace uprobed::span {
namespace {

std::string FunctionOf(const Span& server) {
  if (!server.route.empty()) return server.route;
  return server.path.empty() ? kUnknown : server.path;
}

}  // namespace

size_t Topology::SpanIdHash::operator()(const SpanId& id) const {
  // Span ids are random already.
  static_assert(sizeof(size_t) == sizeof(SpanId));
  size_t hash = 0;
  std::memcpy(&hash, id.data(), sizeof(hash));
  return hash;
}

void Topology::Add(const Span& span) {
  const absl::MutexLock lock(&mutex_);
  newest_end_unix_ns_ = std::max(newest_end_unix_ns_, span.end_unix_ns);
  if (span.kind == Kind::kServer) {
    AddServer(span);
  } else {
    AddClient(span);
  }
  ExpirePending();
}

void Topology::AddServer(const Span& span) {
  const auto [first, last] = pending_by_server_.equal_range(span.span_id);
  if (first == last) {
    Count({.key = {span.service_name, FunctionOf(span), kNone, kNone},
           .is_error = span.is_error(),
           .latency_ns = span.duration_ns(),
           .end_unix_ns = span.end_unix_ns});
    return;
  }
  for (auto each = first; each != last; ++each) {
    each->second->key.caller_function = FunctionOf(span);
    Count(*each->second);
    pending_.erase(each->second);
  }
  pending_by_server_.erase(first, last);
}

void Topology::AddClient(const Span& span) {
  Pending request{
      .server_span_id = span.parent_span_id,
      .key = {span.service_name, kNone, CalleeOf(span), span.path.empty() ? kUnknown : span.path},
      .is_error = span.is_error(),
      .latency_ns = span.duration_ns(),
      .end_unix_ns = span.end_unix_ns};
  if (span.parent_source != ParentSource::kGoroutine) {
    Count(request);
    return;
  }
  pending_.push_back(std::move(request));
  pending_by_server_.emplace(span.parent_span_id, std::prev(pending_.end()));
}

void Topology::ExpirePending() {
  while (pending_.size() > limits_.max_pending) ExpireOldest();
  while (!pending_.empty() &&
         newest_end_unix_ns_ - pending_.front().end_unix_ns > limits_.pending_timeout_ns) {
    ExpireOldest();
  }
}

void Topology::ExpireOldest() {
  const auto oldest = pending_.begin();
  oldest->key.caller_function = kUnknown;
  Count(*oldest);
  const auto [first, last] = pending_by_server_.equal_range(oldest->server_span_id);
  pending_by_server_.erase(
      std::find_if(first, last, [&](const auto& entry) { return entry.second == oldest; }));
  pending_.erase(oldest);
  ++expired_;
}

std::string Topology::CalleeOf(const Span& span) const {
  if (span.server_address.empty()) return kUnknown;
  std::string authority = JoinAuthority(span.server_address, span.server_port);
  const auto found = services_.find({span.network_namespace, authority});
  if (found != services_.end()) return found->second;
  return authority;
}

void Topology::Count(const Pending& request) {
  auto found = edges_.find(request.key);
  if (found == edges_.end()) {
    EdgeKey key = request.key;
    const EdgeKey overflow{kOverflow, kOverflow, kOverflow, kOverflow};
    const size_t regular = edges_.size() - edges_.count(overflow);
    if (regular >= limits_.max_edges) {
      key = overflow;
      ++overflowed_;
    }
    found = edges_.try_emplace(key).first;
    found->second.key = key;
  }
  Edge& edge = found->second;
  ++edge.count;
  edge.errors += request.is_error ? 1 : 0;
  edge.latency_sum_ns += request.latency_ns;
  edge.latency_max_ns = std::max(edge.latency_max_ns, request.latency_ns);
  edge.last_seen_unix_ns = std::max(edge.last_seen_unix_ns, request.end_unix_ns);
}

void Topology::SetService(uint64_t network_namespace, const std::string& authority,
                          const std::string& service) {
  const absl::MutexLock lock(&mutex_);
  if (service.empty()) {
    services_.erase({network_namespace, authority});
  } else {
    services_[{network_namespace, authority}] = service;
  }
}

std::vector<Edge> Topology::Snapshot() const {
  const absl::MutexLock lock(&mutex_);
  std::vector<Edge> edges;
  edges.reserve(edges_.size());
  for (const auto& [key, edge] : edges_) edges.push_back(edge);
  return edges;
}

TopologyStats Topology::stats() const {
  const absl::MutexLock lock(&mutex_);
  return {.edges = edges_.size(),
          .pending = pending_.size(),
          .overflowed = overflowed_,
          .expired = expired_};
}

}  // namespace uprobed::span
