// How the reconciler attaches one binary, and anew with other options.
#include <spdlog/spdlog.h>

#include <set>
#include <utility>

#include "server/base/errors.h"
#include "server/control/function_table.h"
#include "server/control/reconciler.h"
#include "server/control/wanted.h"

namespace uprobed::control {

absl::Status Reconciler::Attach(const store::ProbeRecord& record, AttachedBinary binary,
                                Runtime& runtime) {
  ASSIGN_OR_RETURN(binary.instrumentations, WantedOf(record.spec, binary.profile));
  binary.capture_query = record.spec.capture_query;
  binary.stitch_traces = record.spec.stitch_traces;
  binary.server_first_byte = record.spec.server_first_byte;
  binary.client_body = record.spec.client_body;
  binary.framework_routes = record.spec.framework_routes;
  binary.inject_traceparent = record.spec.inject_traceparent;
  binary.handler_function = record.spec.handler_function;
  ReadFunctions(binary);
  probe::AttachOptions options;
  options.instrumentations = binary.instrumentations;
  options.capture_query = binary.capture_query;
  options.stitch_traces = binary.stitch_traces;
  options.server_first_byte = binary.server_first_byte;
  options.client_body = binary.client_body;
  options.framework_routes = binary.framework_routes;
  options.inject_traceparent = binary.inject_traceparent;
  options.handler_function = binary.function_names != nullptr;
  binary.span_limits = record.spec.span_limits;
  options.span_limits = binary.span_limits;
  binary.span_keep_ratio = SpanKeepRatio(runtime.overhead.level());
  options.span_keep_ratio = binary.span_keep_ratio;
  binary.single_stepped_hits = probe::SingleSteppedHitsOf(binary.profile);
  if (record.spec.pid != 0) options.scoped_pids = {record.spec.pid};
  options.on_slot = [&](uint32_t slot) { Bind(record, binary, slot); };
  ASSIGN_OR_RETURN(binary.attachment, backend_.Attach(binary.fd.get(), binary.profile, options));
  spdlog::info("attached probe={} path={} profile={} slot={} sites={}", record.id,
               record.spec.binary_path, binary.profile.identity.Id(), binary.attachment->slot(),
               binary.attachment->site_count());
  runtime.service_name = record.spec.service_name;
  const uint32_t slot = binary.attachment->slot();
  runtime.attachments->Add(std::move(binary));
  directory_.Admit(slot);
  return absl::OkStatus();
}

void Reconciler::ApplyOptions(const store::ProbeRecord& record, Runtime& runtime) {
  // Detached before it is attached anew: a gap loses requests, an overlap would report them twice.
  std::vector<AttachedBinary> changed =
      runtime.attachments->Take([&record](const AttachedBinary& binary) {
        const auto wanted = WantedOf(record.spec, binary.profile);
        return !wanted.ok() || *wanted != binary.instrumentations ||
               record.spec.capture_query != binary.capture_query ||
               record.spec.stitch_traces != binary.stitch_traces ||
               record.spec.server_first_byte != binary.server_first_byte ||
               record.spec.client_body != binary.client_body ||
               record.spec.framework_routes != binary.framework_routes ||
               record.spec.inject_traceparent != binary.inject_traceparent ||
               record.spec.handler_function != binary.handler_function;
      });
  for (AttachedBinary& binary : changed) {
    binary.attachment.reset();
    const std::string profile_id = binary.profile.identity.Id();
    if (const absl::Status attached = Attach(record, std::move(binary), runtime); !attached.ok()) {
      spdlog::warn("detached probe={} profile={}: with its new options: {}", record.id, profile_id,
                   MessageOf(attached));
    }
  }
  absl::Status set = runtime.attachments->SetSpanLimits(record.spec.span_limits);
  set.Update(runtime.attachments->SetSpanKeepRatio(SpanKeepRatio(runtime.overhead.level())));
  if (!set.ok()) {
    spdlog::warn("spans are limited as before, tried again probe={}: {}", record.id,
                 MessageOf(set));
  }
  if (runtime.service_name != record.spec.service_name) {
    for (const auto& [slot, profile_id] : runtime.attachments->ProfileIds()) {
      directory_.SetServiceName(slot, record.spec.service_name);
    }
    runtime.service_name = record.spec.service_name;
  }
}

void Reconciler::Bind(const store::ProbeRecord& record, const AttachedBinary& binary,
                      uint32_t slot) {
  const profile::Profile& profile = binary.profile;
  std::set<std::string, std::less<>> corroborated;
  for (const auto& [name, field] : profile.fields) {
    if (field.corroborated()) corroborated.insert(name);
  }
  auto error_methods = std::make_shared<span::ErrorMethods>();
  for (const profile::ErrorMethod& method : profile.error_methods) {
    error_methods->emplace(method.address, method.name);
  }
  directory_.Bind(slot,
                  {.probe_id = record.id,
                   .binary_path = record.spec.binary_path,
                   .service_name = record.spec.service_name,
                   .capture_query = record.spec.capture_query,
                   .error_methods = std::move(error_methods),
                   .derived_routes = std::make_shared<span::DerivedRoutes>(),
                   .function_names = binary.function_names},
                  corroborated);
}

}  // namespace uprobed::control
