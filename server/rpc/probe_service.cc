#include "server/rpc/probe_service.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/base/errors.h"
#include "server/rpc/convert_probe.h"
#include "server/rpc/field_mask.h"
#include "server/rpc/paging.h"
#include "server/rpc/probe_change.h"
#include "server/rpc/resource_name.h"
#include "server/rpc/resume_token.h"
#include "server/rpc/status.h"

namespace uprobed::rpc {
namespace {

// How often an update without etag is tried again where another writer was faster.
constexpr int kUpdateAttempts = 8;

v1::WatchProbesResponse::Type ToProto(control::ProbeEvent::Type type) {
  switch (type) {
    case control::ProbeEvent::Type::kAdded:
      return v1::WatchProbesResponse::TYPE_ADDED;
    case control::ProbeEvent::Type::kModified:
      return v1::WatchProbesResponse::TYPE_MODIFIED;
    case control::ProbeEvent::Type::kDeleted:
      return v1::WatchProbesResponse::TYPE_DELETED;
  }
  return v1::WatchProbesResponse::TYPE_UNSPECIFIED;
}

}  // namespace

grpc::Status ProbeService::CreateProbe(grpc::ServerContext* context,
                                       const v1::CreateProbeRequest* request, v1::Probe* response) {
  const absl::Status status = CatchExceptions([&] { return Create(*request, *response); });
  if (!request->validate_only()) {
    auditor_.Record(*context, "uprobed.v1.ProbeService/CreateProbe",
                    status.ok() ? response->name() : ProbeName(request->probe_id()), status);
  }
  return ToGrpcStatus(status);
}

absl::Status ProbeService::Create(const v1::CreateProbeRequest& request, v1::Probe& response) {
  ASSIGN_OR_RETURN(store::ProbeRecord record, FromProto(request.probe()));
  record.id = request.probe_id();
  ASSIGN_OR_RETURN(
      const control::Probe probe,
      probes_.Create(std::move(record), {.validate_only = request.validate_only(),
                                         .allow_missing_binary = request.allow_missing_binary()}));
  response = rpc::ToProto(probe);
  return absl::OkStatus();
}

grpc::Status ProbeService::GetProbe(grpc::ServerContext* /*context*/,
                                    const v1::GetProbeRequest* request, v1::Probe* response) {
  return Answer([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const std::string id, ParseProbeName(request->name()));
    RETURN_IF_ERROR(CheckReadMask(request->read_mask(), *v1::Probe::descriptor()));
    ASSIGN_OR_RETURN(const control::Probe probe, probes_.Get(id));
    *response = rpc::ToProto(probe);
    ApplyReadMask(request->read_mask(), *response);
    return absl::OkStatus();
  });
}

grpc::Status ProbeService::ListProbes(grpc::ServerContext* /*context*/,
                                      const v1::ListProbesRequest* request,
                                      v1::ListProbesResponse* response) {
  return Answer([&] { return List(*request, *response); });
}

absl::Status ProbeService::List(const v1::ListProbesRequest& request,
                                v1::ListProbesResponse& response) {
  ASSIGN_OR_RETURN(const size_t page_size, ParsePageSize(request.page_size()));
  ASSIGN_OR_RETURN(const std::string after_name, DecodePageToken(request.page_token()));
  RETURN_IF_ERROR(CheckReadMask(request.read_mask(), *v1::Probe::descriptor()));
  std::string after_id;
  if (!after_name.empty()) {
    const absl::StatusOr<std::string> parsed = ParseProbeName(after_name, "page_token");
    if (!parsed.ok()) return PageTokenMalformed();
    after_id = *parsed;
  }
  // One more than told: whether there is a next page.
  const std::vector<control::Probe> probes = probes_.List(after_id, page_size + 1);
  size_t bytes = 0;
  for (size_t i = 0; i < probes.size(); ++i) {
    if (i == page_size || bytes > kMaxPageBytes) {
      response.set_next_page_token(EncodePageToken(ProbeName(probes[i - 1].record.id)));
      break;
    }
    v1::Probe& probe = *response.add_probes();
    probe = rpc::ToProto(probes[i]);
    ApplyReadMask(request.read_mask(), probe);
    bytes += probe.ByteSizeLong();
  }
  return absl::OkStatus();
}

grpc::Status ProbeService::UpdateProbe(grpc::ServerContext* context,
                                       const v1::UpdateProbeRequest* request, v1::Probe* response) {
  const absl::Status status = CatchExceptions([&] { return Update(*request, *response); });
  if (!request->validate_only()) {
    auditor_.Record(*context, "uprobed.v1.ProbeService/UpdateProbe", request->probe().name(),
                    status);
  }
  return ToGrpcStatus(status);
}

absl::Status ProbeService::Update(const v1::UpdateProbeRequest& request, v1::Probe& response) {
  ASSIGN_OR_RETURN(const std::string id, ParseProbeName(request.probe().name(), "probe.name"));
  ASSIGN_OR_RETURN(const std::set<std::string> fields,
                   ParseUpdateMask(request.update_mask(), UpdatableFields()));
  // What the mask does not name is not looked at (AIP-134).
  v1::Probe change = request.probe();
  ApplyReadMask(request.update_mask(), change);

  absl::Status status;
  for (int attempt = 0; attempt < kUpdateAttempts; ++attempt) {
    ASSIGN_OR_RETURN(const control::Probe current, probes_.Get(id));
    ASSIGN_OR_RETURN(const store::ProbeRecord record, ApplyChange(change, fields, current.record));
    // Also without the caller's etag: the fields that the mask leaves alone were read just now, and
    // writing them back must not undo another caller's change.
    const std::string& etag = request.probe().etag();
    const absl::StatusOr<control::Probe> updated =
        probes_.Update(record, etag.empty() ? current.etag() : etag, request.validate_only());
    if (updated.ok()) {
      response = rpc::ToProto(*updated);
      return absl::OkStatus();
    }
    status = updated.status();
    if (!etag.empty() || ReasonOf(status) != "ETAG_MISMATCH") break;
  }
  return status;
}

grpc::Status ProbeService::DeleteProbe(grpc::ServerContext* context,
                                       const v1::DeleteProbeRequest* request,
                                       google::protobuf::Empty* /*response*/) {
  const absl::Status status = CatchExceptions([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const std::string id, ParseProbeName(request->name()));
    return probes_.Delete(id, request->etag(), request->allow_missing());
  });
  auditor_.Record(*context, "uprobed.v1.ProbeService/DeleteProbe", request->name(), status);
  return ToGrpcStatus(status);
}

grpc::Status ProbeService::WatchProbes(grpc::ServerContext* context,
                                       const v1::WatchProbesRequest* request,
                                       grpc::ServerWriter<v1::WatchProbesResponse>* writer) {
  return Answer([&] { return Watch(*context, *request, *writer); });
}

absl::Status ProbeService::Watch(const grpc::ServerContext& context,
                                 const v1::WatchProbesRequest& request,
                                 grpc::ServerWriter<v1::WatchProbesResponse>& writer) {
  ASSIGN_OR_RETURN(const uint64_t resume_after, DecodeResumeToken(request.resume_token()));
  ASSIGN_OR_RETURN(const auto ticket, streams_.Enter());
  ASSIGN_OR_RETURN(const auto watch, probes_.Watch(resume_after));
  bool bookmarked = false;
  while (true) {
    RETURN_IF_ERROR(streams_.Check(context));
    const control::ProbeWatch::Batch batch = watch->Next(kCancellationCheckInterval);
    for (const control::ProbeEvent& event : batch.events) {
      v1::WatchProbesResponse response;
      response.set_type(ToProto(event.type));
      *response.mutable_probe() = rpc::ToProto(event.probe);
      response.set_resume_token(EncodeResumeToken(event.sequence));
      if (!writer.Write(response)) return ClientGone();
    }
    if (batch.overflowed) {
      return MakeError(absl::StatusCode::kAborted, "WATCH_OVERFLOWED",
                       "changes came faster than they were read and some are lost: watch again "
                       "without a resume token, which begins with the present state");
    }
    if (batch.closed) return ShuttingDown();
    if (!bookmarked) {
      v1::WatchProbesResponse response;
      response.set_type(v1::WatchProbesResponse::TYPE_BOOKMARK);
      response.set_resume_token(EncodeResumeToken(batch.sequence));
      if (!writer.Write(response)) return ClientGone();
      bookmarked = true;
    }
  }
}

}  // namespace uprobed::rpc
