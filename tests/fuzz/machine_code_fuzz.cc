// Any bytes as a function that is read for struct offsets.

#include "server/profile/machine_code.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/fuzz/hostile_function.h"

namespace uprobed::profile {
namespace {

// In the order of their numbers in the seeds.
const std::vector<std::string> kCallees = {
    "runtime.newobject",
    "net/http.ParseHTTPVersion",
    "net/url.ParseRequestURI",
    "net/textproto.(*Reader).ReadMIMEHeader",
    "net/textproto.readMIMEHeader",
    "net/http.readRequest",
    "net/http.readRequestLimit",
    "strconv.Atoi",
    "runtime.mapaccess1_faststr",
    "net/http.stripHostPort",
    "net/http.cleanPath",
    "runtime.convT64",
    "runtime.concatstring3",
    "net/url.escape",
    "runtime.gcWriteBarrier",
    "runtime.panicIndex",
    "runtime.morestack_noctxt",
    "main.other",
};

}  // namespace
}  // namespace uprobed::profile

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace uprobed::profile;  // NOLINT(google-build-using-namespace): one function
  const HostileFunction function(data, size);
  const Callees callees{
      .name_at = [](uint64_t target) { return HostileFunction::NameAt(kCallees, target); },
      .passing = function.in_registers() ? Passing::kInRegisters : Passing::kOnStack,
      .stack_bytes_at = HostileFunction::StackBytesAt};
  const Behaviour behaviour = Follow(function.instructions(), callees);
  for (const std::string& name : FunctionsThatTell()) {
    static_cast<void>(OffsetsIn(name, behaviour));
  }
  return 0;
}
