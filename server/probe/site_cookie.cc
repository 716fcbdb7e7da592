#include "server/probe/site_cookie.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "bpf/abi/profile_slot.h"
#include "bpf/abi/site_cookie.h"
#include "server/profile/client_functions.h"
#include "server/profile/grpc_names.h"
#include "server/profile/handler_sites.h"
#include "server/profile/http2_names.h"
#include "server/profile/router_names.h"
#include "server/profile/runtime_sites.h"
#include "server/profile/sites.h"

namespace uprobed::probe {
namespace {

using profile::Site;
using profile::SiteKind;

bool HasArgument(const Site& site, const std::string& name) {
  return std::any_of(site.arguments.begin(), site.arguments.end(),
                     [&name](const auto& argument) { return argument.name == name; });
}

// A start in a function's prologue is the jump of the stack check, or the push of rbp behind it;
// one that reads saved arguments is behind all that.
bool MayRepeat(const Site& site) {
  const std::vector<uint8_t> push_rbp = {0x55};
  const bool start = site.kind == SiteKind::kClientStart ||
                     site.kind == SiteKind::kHttp2ServerStart ||
                     site.kind == SiteKind::kGrpcServerStart || site.kind == SiteKind::kTimerStart;
  return start && site.bytes != push_rbp &&
         std::none_of(site.arguments.begin(), site.arguments.end(), profile::IsSaved);
}

uint64_t HandlerBitsOf(const Site& site) {
  const auto place = profile::PlaceOf(site);
  if (!place) return 0;
  uint64_t bits = uint64_t{*place} << UP_COOKIE_PLACE_SHIFT;
  if (site.kind == SiteKind::kServerRedirect) bits |= UP_COOKIE_HANDLER_REDIRECTS;
  for (const profile::ArgumentLocation& argument : site.arguments) {
    if (!profile::IsSaved(argument)) continue;
    const uint64_t word = static_cast<uint64_t>(argument.stack_offset) / sizeof(uint64_t);
    bits |= UP_COOKIE_HANDLER_ON_STACK | word << UP_COOKIE_HANDLER_WORD_SHIFT;
  }
  return bits;
}

// Where the kernel side finds a word of an error (UP_WORD_*).
uint64_t WordOf(const profile::ArgumentLocation& location) {
  if (location.kind == profile::ArgumentLocation::Kind::kStack) {
    return UP_WORD_STACK + static_cast<uint64_t>(location.stack_offset) / sizeof(uint64_t);
  }
  // struct pt_regs of amd64, up to its last register that can hold an argument.
  constexpr std::array<std::string_view, 15> kAmd64 = {"r15", "r14", "r13", "r12", "rbp",
                                                       "rbx", "r11", "r10", "r9",  "r8",
                                                       "rax", "rcx", "rdx", "rsi", "rdi"};
  const std::string& name = location.register_name;
  const auto* const found = std::find(kAmd64.begin(), kAmd64.end(), name);
  if (found != kAmd64.end()) return 1 + static_cast<uint64_t>(found - kAmd64.begin());
  int number = 0;  // of arm64, where it is that of the register
  return name.starts_with('x') && absl::SimpleAtoi(name.substr(1), &number) && number >= 0 &&
                 number < UP_WORD_STACK - 1
             ? 1 + static_cast<uint64_t>(number)
             : UP_WORD_NONE;
}

uint64_t ResponseBitsOf(SiteKind kind) {
  switch (kind) {
    case SiteKind::kHttp2ServerFirstByte:
      return UP_COOKIE_FIRST_BYTE_HTTP2;
    case SiteKind::kClientBodyRead:
      return UP_COOKIE_BODY_READ;
    case SiteKind::kClientBodyCause:
      return UP_COOKIE_BODY_READ | UP_COOKIE_BODY_CAUSE;
    case SiteKind::kHttp2ClientBodyRead:
      return UP_COOKIE_BODY_READ | UP_COOKIE_BODY_HTTP2;
    case SiteKind::kHttp2ClientBodyClose:
      return UP_COOKIE_BODY_HTTP2;
    default:
      return 0;
  }
}

}  // namespace

uint64_t ClientOf(const Site& site) {
  return profile::IsModuleClientFunction(site.function) ? UP_CLIENT_MODULE : UP_CLIENT_NET_HTTP;
}

uint64_t MakeSiteCookie(const Site& site, uint32_t slot) {
  uint64_t cookie = slot | uint64_t{site.function_offset} << UP_COOKIE_FUNCTION_OFFSET_SHIFT;
  if (HasArgument(site, "response") && HasArgument(site, "error")) cookie |= UP_COOKIE_RESULT;
  if (site.kind == SiteKind::kClientResult) cookie |= UP_COOKIE_RETRIES;
  if (IsBranch(site.kind)) {
    cookie |= UP_COOKIE_BRANCH;
    cookie |= uint64_t{site.condition} << UP_COOKIE_CONDITION_SHIFT;
    if (site.ends_when_taken) cookie |= UP_COOKIE_ENDS_WHEN_TAKEN;
  }
  if (site.kind == SiteKind::kClientExchangeError) cookie |= UP_COOKIE_EXCHANGE_ERROR;
  if (site.kind == SiteKind::kClientError && !site.arguments.empty()) {
    cookie |= WordOf(site.arguments.front()) << UP_COOKIE_ERROR_TYPE_SHIFT;
    cookie |= WordOf(site.arguments.back()) << UP_COOKIE_ERROR_DATA_SHIFT;
  }
  if (profile::IsCloseOfChannel(site)) {
    cookie |= WordOf(site.arguments.front()) << UP_COOKIE_CHANNEL_SHIFT;
  }
  cookie |= ClientOf(site) << UP_COOKIE_CLIENT_SHIFT;
  if (const auto* names = profile::Http2NamesWith(site.function)) {
    cookie |= uint64_t{names->implementation} << UP_COOKIE_HTTP2_SHIFT;
  }
  if (const profile::Router* router = profile::FindRouter(site.function)) {
    cookie |= uint64_t{router->number} << UP_COOKIE_ROUTER_SHIFT;
  }
  if (site.kind == SiteKind::kHttp2ServerAbort) cookie |= UP_COOKIE_COMPARES_ABORT;
  if (site.kind == SiteKind::kSelectReceiveDirect) cookie |= UP_COOKIE_SELECT;
  cookie |= ResponseBitsOf(site.kind) | HandlerBitsOf(site);
  if (site.kind == SiteKind::kGrpcClientFailed) cookie |= UP_COOKIE_RETURNED_ERROR;
  if (profile::IsOfHandlerTransport(site)) cookie |= UP_COOKIE_GRPC_HANDLER;
  for (const profile::ArgumentLocation& argument : site.arguments) {
    if (argument.name != profile::kSavedStream) continue;
    const uint64_t word = static_cast<uint64_t>(argument.stack_offset) / sizeof(uint64_t);
    cookie |= UP_COOKIE_STREAM_ON_STACK | word << UP_COOKIE_STREAM_WORD_SHIFT;
  }
  if (MayRepeat(site)) cookie |= UP_COOKIE_MAY_REPEAT;
  return cookie;
}

}  // namespace uprobed::probe
