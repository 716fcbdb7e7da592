#include "server/rpc/admin_service.h"

#include "server/base/errors.h"
#include "server/rpc/convert_time.h"
#include "server/rpc/paging.h"
#include "server/rpc/status.h"
#include "server/rpc/utf8.h"

namespace uprobed::rpc {
namespace {

using Diagnostic = v1::RunDiagnosticsResponse::Diagnostic;

Diagnostic::Verdict VerdictToProto(control::DiagnosticResult::Verdict verdict) {
  switch (verdict) {
    case control::DiagnosticResult::Verdict::kPass:
      return Diagnostic::VERDICT_PASS;
    case control::DiagnosticResult::Verdict::kWarning:
      return Diagnostic::VERDICT_WARNING;
    case control::DiagnosticResult::Verdict::kFail:
      return Diagnostic::VERDICT_FAIL;
  }
  return Diagnostic::VERDICT_UNSPECIFIED;
}

void FillNode(const control::NodeInfo& from, v1::Node& to) {
  to.set_version(from.version);
  to.set_kernel_release(ToUtf8(from.kernel_release));
  to.set_architecture(from.architecture);
  to.set_hostname(ToUtf8(from.hostname));
  to.set_boot_id(ToUtf8(from.boot_id));
  to.set_libbpf_version(from.libbpf_version);
  to.set_sqlite_version(from.sqlite_version);
  to.set_store_schema_version(from.store_schema_version);
  *to.mutable_start_time() = ToTimestamp(from.start_time_unix_ns);
  for (const probe::Feature& feature : from.features) {
    auto* out = to.add_features();
    out->set_name(feature.name);
    out->set_available(feature.available);
    out->set_required(feature.required);
    out->set_detail(ToUtf8(feature.detail));
  }
  for (const control::Condition& condition : from.conditions) {
    auto* out = to.add_conditions();
    out->set_type(condition.type);
    out->set_ok(condition.ok);
    out->set_reason(condition.reason);
    out->set_message(ToUtf8(condition.message));
  }
}

}  // namespace

grpc::Status AdminService::GetNode(grpc::ServerContext* /*context*/,
                                   const v1::GetNodeRequest* /*request*/, v1::Node* response) {
  return Answer([&] {
    FillNode(describe_node_(), *response);
    return absl::OkStatus();
  });
}

grpc::Status AdminService::RunDiagnostics(grpc::ServerContext* /*context*/,
                                          const v1::RunDiagnosticsRequest* /*request*/,
                                          v1::RunDiagnosticsResponse* response) {
  return Answer([&] {
    for (const control::DiagnosticResult& result : diagnose_()) {
      auto* out = response->add_diagnostics();
      out->set_check(result.check);
      out->set_verdict(VerdictToProto(result.verdict));
      out->set_message(ToUtf8(result.message));
      out->set_remedy(ToUtf8(result.remedy));
    }
    return absl::OkStatus();
  });
}

grpc::Status AdminService::ListAuditEvents(grpc::ServerContext* /*context*/,
                                           const v1::ListAuditEventsRequest* request,
                                           v1::ListAuditEventsResponse* response) {
  return Answer([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const size_t page_size, ParsePageSize(request->page_size()));
    ASSIGN_OR_RETURN(const auto records, store_.ListAudit(page_size));
    for (const store::AuditRecord& record : records) {
      auto* event = response->add_events();
      *event->mutable_time() = ToTimestamp(record.time_unix_ns);
      event->set_peer(ToUtf8(record.peer));
      event->set_method(record.method);
      event->set_resource(ToUtf8(record.resource));
      event->set_code(record.code);
      event->set_reason(record.reason);
    }
    return absl::OkStatus();
  });
}

}  // namespace uprobed::rpc
