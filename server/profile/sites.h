#ifndef UPROBED_SERVER_PROFILE_SITES_H_
#define UPROBED_SERVER_PROFILE_SITES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/elf/elf_file.h"
#include "server/elf/go_functions.h"
#include "server/profile/client_functions.h"
#include "server/profile/control_flow.h"
#include "server/profile/http2_names.h"
#include "server/profile/profile.h"

namespace uprobed::profile {

// The functions whose code holds the sites.
inline constexpr std::string_view kServeFunction = "net/http.(*conn).serve";
// What kServeFunction calls with a request; HTTP/2 of net/http by its itab, as a handler.
inline constexpr std::string_view kHandlerFunction = "net/http.serverHandler.ServeHTTP";
inline constexpr std::string_view kRoundTripFunction = "net/http.(*Transport).roundTrip";
// What kRoundTripFunction calls on a connection of HTTP/1, again and again while the request may be
// retried.
inline constexpr std::string_view kExchangeFunction = "net/http.(*persistConn).roundTrip";

// Whether a site of this kind lies in a function of this name.
bool LiesIn(SiteKind kind, std::string_view function);

// How Go passes arguments and results: on the stack at first, in registers since 1.17 on amd64 and
// since 1.18 on arm64 (cmd/compile/abi-internal.md).
enum class CallAbi : uint8_t { kAmd64Stack, kAmd64Registers, kArm64Registers };

// A site as chosen in the control flow of a function, before it has addresses and bytes.
struct SitePlan {
  SiteKind kind = SiteKind::kServerStart;
  size_t node = 0;  // of the ControlFlow
  bool ends_when_taken = false;
  std::vector<ArgumentLocation> arguments;
  bool operator==(const SitePlan&) const = default;
};

// The arguments that the kernel side reads at a site of this kind; a kClientBranch has either these
// or none.
std::vector<ArgumentLocation> ArgumentsOf(SiteKind kind, CallAbi abi);

// The same of a kServerRoute, whose router `function` tells; of a kServerHandler see
// HandlerArguments, of a kHttp2ServerStart Http2StartArguments.
std::vector<ArgumentLocation> RouteArguments(std::string_view function, CallAbi abi);
std::vector<ArgumentLocation> Http2StartArguments(std::string_view function, CallAbi abi);
// One or another.
std::vector<ArgumentLocation> ArgumentsOf(const Site& site, CallAbi abi);

// Where a function has put away what the kernel side needs: always on the stack, however Go passes
// arguments, at an offset of that function's own.
inline constexpr char kSavedStream[] = "saved_stream";
inline constexpr char kSavedHandler[] = "saved_handler";
// The words of its own arguments, in their order.
inline constexpr char kSavedArguments[] = "saved_arguments";
bool IsSaved(const ArgumentLocation& argument);

// The sites of the two instrumentations. FAILED_PRECONDITION SYMBOL_NOT_FOUND where the function
// that holds them is not in the binary, SITE_NOT_FOUND where its code offers no certain place. A
// client without a kClientConnection is complete.
absl::StatusOr<std::vector<Site>> FindServerSites(const elf::ElfFile& file,
                                                  const elf::GoFunctions& functions, CallAbi abi);
absl::StatusOr<std::vector<Site>> FindClientSites(const elf::ElfFile& file,
                                                  const elf::GoFunctions& functions, CallAbi abi);

// The sites of golang.org/x/net/http2's Transport: empty where it is not there, or not understood.
// An error of the file itself is one.
absl::StatusOr<std::vector<Site>> FindModuleClientSites(const elf::ElfFile& file,
                                                        const elf::GoFunctions& functions,
                                                        CallAbi abi);

// The sites of one implementation of HTTP/2, beside those of FindServerSites, of which it takes the
// start where `names` has no request of its own.
absl::StatusOr<std::vector<Site>> FindHttp2Sites(const elf::ElfFile& file,
                                                 const elf::GoFunctions& functions, CallAbi abi,
                                                 const Http2Names& names);

// The sites of the routers that the binary has, whether their fields are known or not.
absl::StatusOr<std::vector<Site>> FindRouteSites(const elf::ElfFile& file,
                                                 const elf::GoFunctions& functions, CallAbi abi);

// The sites of google.golang.org/grpc's server and client, with that of kGrpcStatusError.
absl::StatusOr<std::vector<Site>> FindGrpcServerSites(const elf::ElfFile& file,
                                                      const elf::GoFunctions& functions,
                                                      CallAbi abi);
absl::StatusOr<std::vector<Site>> FindGrpcClientSites(const elf::ElfFile& file,
                                                      const elf::GoFunctions& functions,
                                                      CallAbi abi);
absl::StatusOr<Site> FindGrpcStatusError(const elf::ElfFile& file,
                                         const elf::GoFunctions& functions, CallAbi abi);

// The choice itself, apart from any file. PlanRecoverSites is for a function that (*conn).serve
// defers: empty where it does not call recover, or not in a way that is understood.
absl::StatusOr<std::vector<SitePlan>> PlanServerSites(const ControlFlow& flow, CallAbi abi);
std::vector<SitePlan> PlanRecoverSites(const ControlFlow& flow, CallAbi abi);
// PlanHttp2Start is for the start function of an implementation, PlanHttp2Ends for the function
// that its runHandler defers.
absl::StatusOr<SitePlan> PlanHttp2Start(const ControlFlow& flow, const Http2Names& names,
                                        CallAbi abi);
absl::StatusOr<std::vector<SitePlan>> PlanHttp2Ends(const ControlFlow& flow,
                                                    std::string_view done_function, CallAbi abi);
absl::StatusOr<std::vector<SitePlan>> PlanClientSites(const ControlFlow& flow,
                                                      const ClientFunction& function, CallAbi abi);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_SITES_H_
