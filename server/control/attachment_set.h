#ifndef UPROBED_SERVER_CONTROL_ATTACHMENT_SET_H_
#define UPROBED_SERVER_CONTROL_ATTACHMENT_SET_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "bpf/abi/counters.h"
#include "server/base/unique_fd.h"
#include "server/control/file_version.h"
#include "server/probe/probe_backend.h"
#include "server/profile/profile.h"
#include "server/span/function_names.h"
#include "server/store/probe_record.h"

namespace uprobed::control {

// One file that a probe is attached to. The file stays open, so that the probe can be attached anew
// with other options after the file lost its name.
struct AttachedBinary {
  FileVersion version;
  UniqueFd fd;
  profile::Profile profile;
  std::vector<profile::Instrumentation> instrumentations;  // as attached
  bool capture_query = false;                              // as attached
  bool stitch_traces = false;                              // as attached
  bool server_first_byte = false;                          // as attached
  bool client_body = false;                                // as attached
  bool framework_routes = false;                           // as attached
  bool inject_traceparent = false;                         // as attached
  bool handler_function = false;                           // as attached
  // Of the functions that serve requests, where they are told, and why they cannot be.
  std::shared_ptr<const span::FunctionNames> function_names;
  absl::Status function_error;
  SpanLimits span_limits;      // as set
  double span_keep_ratio = 1;  // as set
  probe::SingleSteppedHits single_stepped_hits;
  std::unique_ptr<probe::Attachment> attachment;
};

// The files that one probe is attached to, and what it counted on all of them in this run of the
// daemon. Only the reconciler changes it; anybody may read. Thread-safe.
class AttachmentSet {
 public:
  struct Summary {
    uint32_t binaries = 0;
    uint32_t sites = 0;
    uint32_t single_stepped_sites = 0;
    std::string profile_id;  // of the one attached last
  };

  void Add(AttachedBinary binary);
  // Begins to detach all: once it returns no process hits a site any more.
  void BeginDetach();
  // Detaches and removes those for which `matches` is true; their counts stay.
  [[nodiscard]] std::vector<AttachedBinary> Take(
      const std::function<bool(const AttachedBinary&)>& matches);
  // Limits the spans of all from now on; the first error, where what failed is as it was.
  absl::Status SetSpanLimits(const SpanLimits& limits);
  // Keeps so much of the traces that the limits let pass, as above.
  absl::Status SetSpanKeepRatio(double ratio);
  // The file was written to, with the content it had.
  void SetVersion(const FileVersion& version);

  std::vector<FileVersion> Versions() const;
  std::vector<uint32_t> Slots() const;
  std::map<uint32_t, std::string> ProfileIds() const;  // by slot
  // Content attached under this file; empty where none is.
  std::string ProfileIdOf(const FileId& file) const;
  // What `spec` names and the attached file, in exactly this version, has not; OK where it has all,
  // nullopt where that version is not attached.
  std::optional<absl::Status> Missing(const store::ProbeSpec& spec,
                                      const FileVersion& version) const;
  Summary summary() const;
  up_counters counters() const;

  struct Hits {
    up_counters counters{};
    probe::SingleSteppedHits single_stepped;
  };
  std::map<uint32_t, Hits> hits() const;  // by slot, of what is attached

 private:
  std::vector<probe::Attachment*> Matching(
      const std::function<bool(const AttachedBinary&)>& matches);

  mutable absl::Mutex mutex_;
  std::vector<AttachedBinary> binaries_ ABSL_GUARDED_BY(mutex_);
  up_counters past_ ABSL_GUARDED_BY(mutex_){};  // of attachments that are no more
};

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_ATTACHMENT_SET_H_
