#include "server/span/live_check.h"

#include <algorithm>

#include "bpf/abi/profile_slot.h"
#include "server/span/http_parts.h"

namespace uprobed::span {
namespace {

// As many values as make a field verified, or refuted.
constexpr uint8_t kEnoughFor = 8;
constexpr uint8_t kEnoughAgainst = 3;
// As many events without a value that should be there make a field suspect.
constexpr uint8_t kEnoughWithout = 32;

// net/http panics for another status (src/net/http/server.go, checkWriteHeaderCode).
constexpr uint32_t kLowestStatus = 100;
constexpr uint32_t kHighestStatus = 999;
// Pointers into Go's heap are above this on 64-bit Linux (src/runtime/malloc.go: arenas begin at
// 0xc000000000), bodies below.
constexpr int64_t kLargestSize = int64_t{1} << 39;

enum class Proof : uint8_t { kFor, kAgainst, kNone };

Proof ProofIf(bool possible) { return possible ? Proof::kFor : Proof::kAgainst; }

struct String {
  std::string_view text;
  bool unread = false;
};

String StringOf(const up_http_event& event, unsigned index, const char* array) {
  return {{array, event.lengths[index]}, (event.unread & 1U << index) != 0};
}

bool IsPrintable(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= ' ' || byte == 0x7f;
  });
}

bool IsToken(std::string_view text) {  // RFC 9110, 5.6.2
  constexpr std::string_view kSymbols = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kSymbols.find(c) != std::string_view::npos;
  });
}

// The server's parser wants a token; a client's empty method is GET.
Proof Method(const up_http_event& event) {
  const String method = StringOf(event, UP_STRING_METHOD, event.method);
  if (method.unread) return Proof::kAgainst;
  if (method.text.empty() && event.kind == UP_EVENT_HTTP_CLIENT) return Proof::kNone;
  return ProofIf(IsToken(method.text));
}

Proof Host(const up_http_event& event) {
  const String host = StringOf(event, UP_STRING_HOST, event.host);
  if (host.unread) return Proof::kAgainst;
  return host.text.empty() ? Proof::kNone : ProofIf(IsPrintable(host.text));
}

// A handler may have emptied it to use the request for a call of its own (http.Client wants that).
Proof RequestUri(const up_http_event& event) {
  const String target = StringOf(event, UP_STRING_TARGET, event.target);
  if (target.unread) return Proof::kAgainst;
  if (target.text.empty()) return Proof::kNone;
  if (!IsPrintable(target.text)) return Proof::kAgainst;
  const bool connect = std::string_view(event.method, event.lengths[UP_STRING_METHOD]) == "CONNECT";
  return ProofIf(connect || target.text.front() == '/' || target.text == "*" ||
                 target.text.find("://") != std::string_view::npos);
}

Proof RemoteAddr(const up_http_event& event) {
  const String peer = StringOf(event, UP_STRING_PEER, event.peer);
  if (peer.unread) return Proof::kAgainst;
  if (peer.text.empty()) return Proof::kNone;
  if (!IsPrintable(peer.text)) return Proof::kAgainst;
  // Listeners of other kinds than TCP have their own form.
  return ParseAuthority(peer.text).port != 0 ? Proof::kFor : Proof::kNone;
}

// Without a header there is no status yet, and nothing can have been written behind it.
Proof ServerStatus(const up_http_event& event) {
  if (event.status == 0 && event.response_size <= 0) return Proof::kNone;
  return ProofIf(event.status >= kLowestStatus && event.status <= kHighestStatus);
}

Proof Size(int64_t size, bool may_be_unknown) {
  if (size == -1 && may_be_unknown) return Proof::kFor;
  if (size == 0) return Proof::kNone;
  return ProofIf(size > 0 && size < kLargestSize);
}

Proof RequestSize(const up_http_event& event) { return Size(event.request_size, true); }
Proof Written(const up_http_event& event) { return Size(event.response_size, false); }
Proof ResponseSize(const up_http_event& event) { return Size(event.response_size, true); }

Proof Protocol(const up_http_event& event) {
  return ProofIf(event.protocol_major >= 1 && event.protocol_major <= 3);
}

Proof Scheme(const up_http_event& event) {
  const String scheme = StringOf(event, UP_STRING_SCHEME, event.scheme);
  if (scheme.unread) return Proof::kAgainst;
  return ProofIf(IsToken(scheme.text));
}

Proof UrlPath(const up_http_event& event) {
  const String path = StringOf(event, UP_STRING_TARGET, event.target);
  if (path.unread) return Proof::kAgainst;
  if (path.text.empty()) return Proof::kNone;
  return ProofIf(path.text.front() == '/' || path.text == "*");
}

// A response always has one.
Proof StatusCode(const up_http_event& event) {
  return ProofIf(event.status >= kLowestStatus && event.status <= kHighestStatus);
}

void Withhold(up_http_event& event, unsigned string) {
  event.lengths[string] = 0;
  event.truncated = static_cast<uint8_t>(event.truncated & ~(1U << string));
  event.unread = static_cast<uint8_t>(event.unread | 1U << string);
  event.flags |= UP_FLAG_READ_FAULT;
}

void WithholdMethod(up_http_event& event) { Withhold(event, UP_STRING_METHOD); }
void WithholdScheme(up_http_event& event) { Withhold(event, UP_STRING_SCHEME); }
void WithholdHost(up_http_event& event) { Withhold(event, UP_STRING_HOST); }
void WithholdTarget(up_http_event& event) { Withhold(event, UP_STRING_TARGET); }
void WithholdPeer(up_http_event& event) { Withhold(event, UP_STRING_PEER); }
void WithholdStatus(up_http_event& event) {
  event.status = 0;
  event.flags |= UP_FLAG_READ_FAULT;
}
void WithholdRequestSize(up_http_event& event) { event.request_size = -1; }
void WithholdResponseSize(up_http_event& event) { event.response_size = -1; }
void WithholdProtocol(up_http_event& event) {
  event.protocol_major = 0;
  event.protocol_minor = 0;
}

constexpr uint8_t kAnyProtocol = 0xff;
constexpr uint8_t kHttp1 = 0;
constexpr uint8_t kBundled = 1 + UP_HTTP2_BUNDLED;
constexpr uint8_t kInternal = 1 + UP_HTTP2_INTERNAL;
constexpr uint8_t kModule = 1 + UP_HTTP2_MODULE;

struct Rule {
  uint32_t kind;  // of events
  std::string_view field;
  Proof (*judge)(const up_http_event&);
  void (*withhold)(up_http_event&);
  bool rarely_empty = false;
  uint8_t protocol = kAnyProtocol;  // up_http_event.http2
};

constexpr std::array kRules = {
    Rule{UP_EVENT_HTTP_SERVER, "net/http.Request.Method", Method, WithholdMethod},
    Rule{UP_EVENT_HTTP_SERVER, "net/http.Request.RequestURI", RequestUri, WithholdTarget, true},
    Rule{UP_EVENT_HTTP_SERVER, "net/http.Request.Host", Host, WithholdHost},
    Rule{UP_EVENT_HTTP_SERVER, "net/http.Request.RemoteAddr", RemoteAddr, WithholdPeer},
    Rule{UP_EVENT_HTTP_SERVER, "net/http.Request.ContentLength", RequestSize, WithholdRequestSize},
    Rule{UP_EVENT_HTTP_SERVER, "net/http.Request.ProtoMajor", Protocol, WithholdProtocol},
    Rule{UP_EVENT_HTTP_SERVER, "net/http.response.status", ServerStatus, WithholdStatus, false,
         kHttp1},
    Rule{UP_EVENT_HTTP_SERVER, "net/http.response.written", Written, WithholdResponseSize, false,
         kHttp1},
    Rule{UP_EVENT_HTTP_SERVER, "net/http.http2responseWriterState.status", ServerStatus,
         WithholdStatus, false, kBundled},
    Rule{UP_EVENT_HTTP_SERVER, "net/http.http2responseWriterState.wroteBytes", Written,
         WithholdResponseSize, false, kBundled},
    Rule{UP_EVENT_HTTP_SERVER, "net/http/internal/http2.responseWriterState.status", ServerStatus,
         WithholdStatus, false, kInternal},
    Rule{UP_EVENT_HTTP_SERVER, "net/http/internal/http2.responseWriterState.wroteBytes", Written,
         WithholdResponseSize, false, kInternal},
    Rule{UP_EVENT_HTTP_SERVER, "golang.org/x/net/http2.responseWriterState.status", ServerStatus,
         WithholdStatus, false, kModule},
    Rule{UP_EVENT_HTTP_SERVER, "golang.org/x/net/http2.responseWriterState.wroteBytes", Written,
         WithholdResponseSize, false, kModule},
    Rule{UP_EVENT_HTTP_CLIENT, "net/url.URL.Scheme", Scheme, WithholdScheme},
    Rule{UP_EVENT_HTTP_CLIENT, "net/url.URL.Host", Host, WithholdHost},
    Rule{UP_EVENT_HTTP_CLIENT, "net/url.URL.Path", UrlPath, WithholdTarget, true},
    Rule{UP_EVENT_HTTP_CLIENT, "net/http.Response.ProtoMajor", Protocol, WithholdProtocol},
    Rule{UP_EVENT_HTTP_CLIENT, "net/http.Response.StatusCode", StatusCode, WithholdStatus},
    Rule{UP_EVENT_HTTP_CLIENT, "net/http.Response.ContentLength", ResponseSize,
         WithholdResponseSize},
};

FieldVerdict Weigh(uint8_t for_it, uint8_t against_it, uint8_t without) {
  if (for_it == 0 && against_it == 0 && without >= kEnoughWithout) return FieldVerdict::kSuspect;
  if (against_it == 0)
    return for_it >= kEnoughFor ? FieldVerdict::kVerified : FieldVerdict::kUnverified;
  if (for_it != 0) return FieldVerdict::kSuspect;
  return against_it >= kEnoughAgainst ? FieldVerdict::kRefuted : FieldVerdict::kUnverified;
}

}  // namespace

LiveCheck::LiveCheck(const std::set<std::string, std::less<>>& corroborated) {
  static_assert(kRules.size() == kFieldCount);
  for (size_t i = 0; i < kRules.size(); ++i) {
    evidence_[i].value_expected = kRules[i].rarely_empty && !corroborated.contains(kRules[i].field);
  }
}

void LiveCheck::Check(up_http_event& event) {
  // A request that was refused for what is wrong with it proves nothing of the offsets.
  if ((event.flags & (UP_FLAG_ERROR | UP_FLAG_REFUSED)) != 0) return;
  std::array<bool, kFieldCount> withheld{};
  for (size_t i = 0; i < kRules.size(); ++i) {
    Evidence& evidence = evidence_[i];
    const bool concerns = kRules[i].protocol == kAnyProtocol || kRules[i].protocol == event.http2;
    if (kRules[i].kind != event.kind || !concerns || evidence.verdict == FieldVerdict::kVerified)
      continue;
    withheld[i] = evidence.verdict == FieldVerdict::kRefuted;
    if (withheld[i]) continue;
    const Proof proof = kRules[i].judge(event);
    // Until a value was seen, none may be what a wrong offset leads to.
    const bool missing = proof == Proof::kNone && evidence.value_expected && evidence.for_it == 0;
    withheld[i] = proof == Proof::kAgainst || missing;
    uint8_t& count = proof == Proof::kFor       ? evidence.for_it
                     : proof == Proof::kAgainst ? evidence.against_it
                                                : evidence.without;
    if ((proof != Proof::kNone || missing) && count < UINT8_MAX) ++count;
    evidence.verdict = Weigh(evidence.for_it, evidence.against_it, evidence.without);
  }
  // Afterwards, because rules look at more than one value.
  for (size_t i = 0; i < kRules.size(); ++i) {
    if (withheld[i]) kRules[i].withhold(event);
  }
}

std::vector<FieldFinding> LiveCheck::Findings() const {
  std::vector<FieldFinding> findings;
  for (size_t i = 0; i < kRules.size(); ++i) {
    const Evidence& evidence = evidence_[i];
    if (evidence.for_it == 0 && evidence.against_it == 0 && evidence.without == 0) continue;
    findings.push_back({kRules[i].field, evidence.verdict});
  }
  return findings;
}

}  // namespace uprobed::span
