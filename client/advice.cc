#include "client/advice.h"

#include <array>

namespace uprobed::client {
namespace {

struct ReasonAdvice {
  std::string_view reason;
  const char* advice;
};

constexpr std::array kByReason = {
    ReasonAdvice{"DAEMON_NOT_RUNNING",
                 "`systemctl start uprobed`, or run `uprobed` as root; name another address with "
                 "--address or UPROBED_ADDRESS"},
    ReasonAdvice{"DAEMON_NOT_LISTENING",
                 "`systemctl restart uprobed`: the socket is there, but nobody listens on it"},
    ReasonAdvice{"SOCKET_PERMISSION",
                 "join the group that owns the socket, or run the command with sudo"},
    ReasonAdvice{"TLS_INCOMPLETE", "--tls-cert FILE with --tls-key FILE"},
    ReasonAdvice{"CONNECTION_LOST",
                 "`uprobectl status`: the daemon was stopped or restarted; then start the command "
                 "again"},
    ReasonAdvice{"PROBE_NOT_FOUND", "`uprobectl probes` lists the probes that there are"},
    ReasonAdvice{"PROBE_EXISTS",
                 "another name with --name, `uprobectl probe enable NAME` where it is only "
                 "disabled, or `uprobectl detach NAME` first"},
    ReasonAdvice{"PROBE_ID_INVALID",
                 "a name of small letters, digits and '-' that begins with a letter: --name shop"},
    ReasonAdvice{"PROFILE_NOT_FOUND",
                 "`uprobectl profile list`, or `uprobectl profile resolve PATH` to make one"},
    ReasonAdvice{"PROFILE_EXISTS", "--force to replace the profile that was resolved here"},
    ReasonAdvice{"PROFILE_BYTES_MISMATCH",
                 "`uprobectl profile resolve PATH --refresh` to make a profile of this very file"},
    ReasonAdvice{
        "PROFILE_SUSPECT",
        "`uprobectl profile show PATH` lists what each source says; --allow-suspect-profile "
        "attaches all the same"},
    ReasonAdvice{"FIELD_REFUTED",
                 "`uprobectl profile show PATH` lists what the requests showed of each field"},
    ReasonAdvice{"FIELD_SUSPECT",
                 "`uprobectl profile show PATH` lists what the requests showed of each field"},
    ReasonAdvice{"BINARY_NOT_FOUND",
                 "check the path as the daemon sees it; --wait-for-binary attaches once it is "
                 "there"},
    ReasonAdvice{"PROCESS_NOT_FOUND",
                 "attach to the program's path instead: then each of its processes is followed"},
    ReasonAdvice{"NET_HTTP_MISSING", "a program that serves or makes requests with net/http"},
    ReasonAdvice{"ETAG_MISMATCH", "the command again: somebody changed the probe meanwhile"},
    ReasonAdvice{"FILTER_SYNTAX",
                 "--filter 'http.response.status_code >= 500 AND url.path:\"/api\"'"},
    ReasonAdvice{"FILTER_UNKNOWN_KEY",
                 "an attribute that `uprobectl spans -o json` shows, or kind, name, duration, "
                 "error, trace_id, probe"},
    ReasonAdvice{"KERNEL_FEATURE_MISSING", "`uprobectl doctor` says what is missing"},
    ReasonAdvice{"DAEMON_CAPS_MISSING", "`uprobectl doctor` says what is missing"},
    ReasonAdvice{"USAGE", "`uprobectl --help-all` shows every command and option"},
    ReasonAdvice{"OUTPUT_FAILED", "another --file, or make room where the output goes"},
    ReasonAdvice{"INPUT_UNREADABLE", "check the path and its permissions, or '-' for stdin"},
    ReasonAdvice{"INPUT_MALFORMED", "a file that `uprobectl profile export` wrote"},
};

const char* AdviceForCode(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::OUT_OF_RANGE:
      return "`uprobectl --help-all` shows what the command takes";
    case grpc::StatusCode::NOT_FOUND:
      return "`uprobectl probes` and `uprobectl profile list` show what there is";
    case grpc::StatusCode::ALREADY_EXISTS:
      return "another name, or remove the one that is there";
    case grpc::StatusCode::FAILED_PRECONDITION:
      return "`uprobectl doctor` checks the machine, `uprobectl profile resolve PATH` the program";
    case grpc::StatusCode::ABORTED:
      return "the command again: something changed meanwhile";
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::UNAUTHENTICATED:
      return "the command as a user that may command the daemon, for example with sudo";
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return "a longer --timeout, such as --timeout 1m; `uprobectl status` tells whether the "
             "daemon answers";
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return "again later, or detach probes and end streams that are not needed";
    case grpc::StatusCode::UNAVAILABLE:
      return "again in a moment; `uprobectl status` tells whether the daemon answers";
    case grpc::StatusCode::UNIMPLEMENTED:
      return "`uprobectl version`: client and daemon may be of different versions";
    default:
      return "the daemon's log, for example `journalctl -u uprobed`, and report it";
  }
}

}  // namespace

std::string AdviceFor(grpc::StatusCode code, std::string_view reason) {
  for (const ReasonAdvice& entry : kByReason) {
    if (entry.reason == reason) return entry.advice;
  }
  return AdviceForCode(code);
}

}  // namespace uprobed::client
