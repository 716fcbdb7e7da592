#include "server/span/topology.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "server/span/http_parts.h"
#include "server/span/path_template.h"

namespace uprobed::span {
namespace {

std::string FunctionOf(const Span& server) {
  if (!server.route.empty()) return server.route;
  return server.path.empty() ? kUnknown : PathTemplate(server.path);
}

std::string AuthorityOf(const Span& client) {
  if (client.server_address.empty()) return kUnknown;
  return JoinAuthority(client.server_address, client.server_port);
}

void AddTo(Edge& sum, const Edge& edge) {
  sum.count += edge.count;
  sum.errors += edge.errors;
  sum.latency_sum_ns += edge.latency_sum_ns;
  sum.latency_max_ns = std::max(sum.latency_max_ns, edge.latency_max_ns);
  sum.last_seen_unix_ns = std::max(sum.last_seen_unix_ns, edge.last_seen_unix_ns);
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
  if (span.refused) return;  // nobody called any function
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
           .callee_namespace = std::nullopt,
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
  Pending request{.server_span_id = span.parent_span_id,
                  .key = {span.service_name, kNone, AuthorityOf(span),
                          span.path.empty() ? kUnknown : PathTemplate(span.path)},
                  .callee_namespace = span.network_namespace,
                  .is_error = span.is_error(),
                  .latency_ns = span.duration_ns(),
                  .end_unix_ns = span.end_unix_ns};
  // A server span that this daemon sees, too, and that ends later, as a rule.
  const bool has_server_span = span.parent_source == ParentSource::kGoroutine ||
                               span.parent_source == ParentSource::kContext;
  if (!has_server_span) {
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

Topology::CountedKey Topology::Resolve(const Pending& request) const {
  CountedKey key{.key = request.key, .unresolved_in = request.callee_namespace};
  if (!request.callee_namespace.has_value()) return key;
  const auto service = services_.find({*request.callee_namespace, request.key.callee});
  if (service != services_.end()) {
    key.key.callee = service->second;
    key.unresolved_in.reset();
  }
  return key;
}

void Topology::Count(const Pending& request) {
  CountedKey key = Resolve(request);
  auto found = edges_.find(key);
  if (found == edges_.end()) {
    const CountedKey overflow{.key = {kOverflow, kOverflow, kOverflow, kOverflow},
                              .unresolved_in = std::nullopt};
    const size_t regular = edges_.size() - edges_.count(overflow);
    if (regular >= limits_.max_edges) {
      key = overflow;
      ++overflowed_;
    }
    found = edges_.try_emplace(key).first;
    found->second.key = key.key;
  }
  AddTo(found->second, {.key = {},
                        .count = 1,
                        .errors = request.is_error ? 1U : 0U,
                        .latency_sum_ns = request.latency_ns,
                        .latency_max_ns = request.latency_ns,
                        .last_seen_unix_ns = request.end_unix_ns});
}

void Topology::SetService(uint64_t network_namespace, const std::string& authority,
                          const std::string& service) {
  const absl::MutexLock lock(&mutex_);
  if (service.empty()) {
    services_.erase({network_namespace, authority});
    return;
  }
  services_[{network_namespace, authority}] = service;
  for (auto edge = edges_.begin(); edge != edges_.end();) {
    if (edge->first.unresolved_in != network_namespace || edge->first.key.callee != authority) {
      ++edge;
      continue;
    }
    CountedKey known{.key = edge->first.key, .unresolved_in = std::nullopt};
    known.key.callee = service;
    Edge& merged = edges_[known];
    merged.key = known.key;
    AddTo(merged, edge->second);
    edge = edges_.erase(edge);
  }
}

std::vector<Edge> Topology::Snapshot() const {
  const absl::MutexLock lock(&mutex_);
  std::map<EdgeKey, Edge> merged;
  for (const auto& [key, edge] : edges_) {
    Edge& sum = merged[key.key];
    sum.key = key.key;
    AddTo(sum, edge);
  }
  std::vector<Edge> edges;
  edges.reserve(merged.size());
  for (auto& [key, edge] : merged) edges.push_back(std::move(edge));
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
