#include "server/profile/machine_code.h"

#include <limits>
#include <optional>
#include <utility>

#include "server/elf/instructions.h"
#include "server/elf/pclntab.h"
#include "server/profile/code_patterns.h"
#include "server/profile/url_code.h"

namespace uprobed::profile {
namespace {

constexpr char kFieldMethod[] = "net/http.Request.Method";
constexpr char kFieldUrl[] = "net/http.Request.URL";
constexpr char kFieldHeader[] = "net/http.Request.Header";
constexpr char kFieldContentLength[] = "net/http.Request.ContentLength";
constexpr char kFieldHost[] = "net/http.Request.Host";
constexpr char kFieldRequestUri[] = "net/http.Request.RequestURI";
constexpr char kFieldMajor[] = "net/http.Request.ProtoMajor";
constexpr char kFieldMinor[] = "net/http.Request.ProtoMinor";
constexpr char kFieldResponseReq[] = "net/http.response.req";
constexpr char kFieldUrlHost[] = "net/url.URL.Host";
constexpr char kFieldUrlPath[] = "net/url.URL.Path";

bool IsRequestOfWriter(const Behaviour& b, TermId id, int64_t* offset) {
  const auto word = LoadedWord(b, id);
  if (!word || !IsArgument(b, word->base, 0)) return false;
  *offset = word->offset;
  return true;
}

// func (w *response) WriteHeader(code int): `w.status = code`, and w.req.ProtoAtLeast(1, 1) for the
// status line (net/http/server.go, 1.17 to 1.27).
void ReadWriteHeader(const Behaviour& b, Findings* found) {
  const auto is_code = [&](TermId value) { return IsArgument(b, value, 1); };
  for (const FieldAt& place : StoresOf(b, is_code)) {
    if (IsArgument(b, place.base, 0)) (*found)["net/http.response.status"].insert(place.offset);
  }
  for (const ProtoPair& pair : ProtoComparisons(b)) {
    int64_t req = 0;
    if (!IsRequestOfWriter(b, pair.request, &req)) continue;
    (*found)[kFieldResponseReq].insert(req);
    (*found)[kFieldMajor].insert(pair.major);
    (*found)[kFieldMinor].insert(pair.minor);
  }
}

// func (w *response) write(lenData int, ...): `w.written += int64(lenData)` (net/http/server.go).
void ReadWrite(const Behaviour& b, Findings* found) {
  for (const Store& store : b.stores) {
    const Term& sum = b.terms.at(store.value);
    if (store.width != kWordBytes || !IsArgument(b, store.base, 0)) continue;
    if (sum.kind != Term::Kind::kSum) continue;
    const FieldAt itself{store.base, store.offset};
    const bool adds = (LoadedWord(b, sum.base) == itself && IsArgument(b, sum.other, 1)) ||
                      (LoadedWord(b, sum.other) == itself && IsArgument(b, sum.base, 1));
    if (adds) (*found)["net/http.response.written"].insert(store.offset);
  }
}

// func (sh serverHandler) ServeHTTP(rw, req): `req.RequestURI == "*" && req.Method == "OPTIONS"`;
// req is word 3 (net/http/server.go).
void ReadServeHttp(const Behaviour& b, Findings* found) {
  for (const FieldAt& place : StringsComparedWith(b, "*")) {
    if (IsArgument(b, place.base, 3)) (*found)[kFieldRequestUri].insert(place.offset);
  }
  for (const FieldAt& place : StringsComparedWith(b, "OPTIONS")) {
    if (IsArgument(b, place.base, 3)) (*found)[kFieldMethod].insert(place.offset);
  }
}

// What ParseHTTPVersion and the others return is stored in the new struct.
void ReadStoredResults(const Behaviour& b, std::string_view callee, int64_t word, const char* field,
                       Findings* found) {
  const auto is_result = [&](TermId value) { return IsResult(b, value, callee, word); };
  for (const FieldAt& place : StoresOf(b, is_result)) {
    if (IsResult(b, place.base, "runtime.newobject", 0)) (*found)[field].insert(place.offset);
  }
}

// func readRequest(b *bufio.Reader) (*Request, error): `req.ProtoMajor, req.ProtoMinor, ok =
// ParseHTTPVersion(req.Proto)`, `req.URL, err = url.ParseRequestURI(rawurl)`, `req.Header =
// Header(mimeHeader)`, `req.ContentLength = -1` of an upgrade to HTTP/2, `req.Host = req.URL.Host`
// (net/http/request.go).
void ReadReadRequest(const Behaviour& b, Findings* found) {
  ReadStoredResults(b, "net/http.ParseHTTPVersion", 0, kFieldMajor, found);
  ReadStoredResults(b, "net/http.ParseHTTPVersion", 1, kFieldMinor, found);
  ReadStoredResults(b, "net/url.ParseRequestURI", 0, kFieldUrl, found);
  ReadStoredResults(b, "net/textproto.(*Reader).ReadMIMEHeader", 0, kFieldHeader, found);
  ReadStoredResults(b, "net/textproto.readMIMEHeader", 0, kFieldHeader, found);
  for (const FieldAt& place : StoresOf(b, [&](TermId value) { return IsConstant(b, value, -1); })) {
    if (IsResult(b, place.base, "runtime.newobject", 0)) {
      (*found)[kFieldContentLength].insert(place.offset);
    }
  }
  for (const Store& pointer : b.stores) {
    const auto host = LoadedWord(b, pointer.value);
    const auto url = host ? LoadedWord(b, host->base) : std::nullopt;
    if (!url || url->base != pointer.base || !IsResult(b, pointer.base, "runtime.newobject", 0)) {
      continue;
    }
    for (const Store& length : b.stores) {
      if (length.base != pointer.base || length.offset != pointer.offset + kWordBytes) continue;
      if (LoadedString(b, pointer.value, length.value) != host) continue;
      (*found)[kFieldUrl].insert(url->offset);
      (*found)[kFieldHost].insert(pointer.offset);
      (*found)[kFieldUrlHost].insert(host->offset);
    }
  }
}

// func (c *conn) readRequest(ctx) (*response, error): `req.RemoteAddr = c.remoteAddr` (a string),
// `req.TLS = c.tlsState` (a pointer), `w = &response{req: req}` (net/http/server.go).
void ReadConnReadRequest(const Behaviour& b, Findings* found) {
  const auto is_request = [&](TermId id) {
    return IsResult(b, id, "net/http.readRequest", 0) ||
           IsResult(b, id, "net/http.readRequestLimit", 0);  // since 1.27
  };
  for (const FieldAt& place : StoresOf(b, is_request)) {
    if (IsResult(b, place.base, "runtime.newobject", 0))
      (*found)[kFieldResponseReq].insert(place.offset);
  }
  std::map<int64_t, int64_t> copied;  // offset in the request -> in the conn
  for (const Store& store : b.stores) {
    const auto from = LoadedWord(b, store.value);
    if (!is_request(store.base) || !from || !IsArgument(b, from->base, 0)) continue;
    copied[store.offset] = from->offset;
  }
  const auto follows = [&copied](int64_t offset) {
    const auto next = copied.find(offset + kWordBytes);
    return next != copied.end() && next->second == copied.at(offset) + kWordBytes;
  };
  for (const auto& [offset, from] : copied) {
    if (follows(offset)) {
      (*found)["net/http.Request.RemoteAddr"].insert(offset);
    } else if (!copied.contains(offset - kWordBytes) || !follows(offset - kWordBytes)) {
      (*found)["net/http.Request.TLS"].insert(offset);
    }
  }
}

// func ReadResponse(r, req): `resp.StatusCode, err = strconv.Atoi(statusCode)` and the version
// (net/http/response.go).
void ReadReadResponse(const Behaviour& b, Findings* found) {
  ReadStoredResults(b, "strconv.Atoi", 0, "net/http.Response.StatusCode", found);
  ReadStoredResults(b, "net/http.ParseHTTPVersion", 0, "net/http.Response.ProtoMajor", found);
  ReadStoredResults(b, "net/http.ParseHTTPVersion", 1, "net/http.Response.ProtoMinor", found);
}

// func (r *Request) wantsClose(): r.Header.get("Connection"), inlined to an access of the map in
// word 1 (net/http/request.go, net/http/header.go).
void ReadWantsClose(const Behaviour& b, Findings* found) {
  for (const Call& call : CallsOf(b, "runtime.mapaccess1_faststr")) {
    const auto header = LoadedWord(b, call.arguments[1]);
    if (header && IsArgument(b, header->base, 0)) (*found)[kFieldHeader].insert(header->offset);
  }
}

// func (mux *ServeMux) Handler(r), findHandler(r) since 1.22: `r.Method == "CONNECT"`,
// stripHostPort(r.Host), cleanPath(r.URL.Path) (net/http/server.go).
void ReadMux(const Behaviour& b, Findings* found) {
  for (const FieldAt& place : StringsComparedWith(b, "CONNECT")) {
    if (IsArgument(b, place.base, 1)) (*found)[kFieldMethod].insert(place.offset);
  }
  for (const Call& call : CallsOf(b, "net/http.stripHostPort")) {
    const auto host = LoadedString(b, call.arguments[0], call.arguments[1]);
    if (host && IsArgument(b, host->base, 1)) (*found)[kFieldHost].insert(host->offset);
  }
  for (const Call& call : CallsOf(b, "net/http.cleanPath")) {
    const auto path = LoadedString(b, call.arguments[0], call.arguments[1]);
    const auto url = path ? LoadedWord(b, path->base) : std::nullopt;
    if (!url || !IsArgument(b, url->base, 1)) continue;
    (*found)[kFieldUrl].insert(url->offset);
    (*found)[kFieldUrlPath].insert(path->offset);
  }
}

// func (t *Transport) roundTrip(req): `scheme == "http"` of `scheme := req.URL.Scheme`
// (net/http/transport.go).
void ReadRoundTrip(const Behaviour& b, Findings* found) {
  for (const std::string_view scheme : {"http", "https"}) {
    for (const FieldAt& place : StringsComparedWith(b, scheme)) {
      const auto url = LoadedWord(b, place.base);
      if (!url || !IsArgument(b, url->base, 1)) continue;
      (*found)[kFieldUrl].insert(url->offset);
      (*found)["net/url.URL.Scheme"].insert(place.offset);
    }
  }
}

// func send(ireq, rt, deadline): fmt.Errorf with resp.ContentLength, converted for it; resp comes
// from a call of an interface, rt.RoundTrip(req) (net/http/client.go).
void ReadSend(const Behaviour& b, Findings* found) {
  for (const Call& call : CallsOf(b, "runtime.convT64")) {
    const auto length = LoadedWord(b, call.arguments[0]);
    if (length && IsResult(b, length->base, "", 0)) {
      (*found)["net/http.Response.ContentLength"].insert(length->offset);
    }
  }
}

// func newTransferWriter(r any): fmt.Errorf with rr.ContentLength of the *Request, which is the
// data word of r (net/http/transfer.go).
void ReadNewTransferWriter(const Behaviour& b, Findings* found) {
  for (const Call& call : CallsOf(b, "runtime.convT64")) {
    const auto length = LoadedWord(b, call.arguments[0]);
    if (length && IsArgument(b, length->base, 1)) {
      (*found)[kFieldContentLength].insert(length->offset);
    }
  }
}

struct Teller {
  std::string_view function;
  void (*read)(const Behaviour&, Findings*);
};

constexpr Teller kTellers[] = {
    {"net/http.(*response).WriteHeader", ReadWriteHeader},
    {"net/http.(*response).write", ReadWrite},
    {"net/http.serverHandler.ServeHTTP", ReadServeHttp},
    {"net/http.readRequest", ReadReadRequest},
    {"net/http.readRequestLimit", ReadReadRequest},
    {"net/http.(*conn).readRequest", ReadConnReadRequest},
    {"net/http.(*ServeMux).Handler", ReadMux},
    {"net/http.(*ServeMux).findHandler", ReadMux},
    {"net/http.(*Request).wantsClose", ReadWantsClose},
    {"net/http.ReadResponse", ReadReadResponse},
    {"net/http.(*Transport).roundTrip", ReadRoundTrip},
    {"net/http.newTransferWriter", ReadNewTransferWriter},
    {"net/http.send", ReadSend},
    {"net/url.(*URL).RequestURI", ReadUrlRequestUri},
    {"net/url.(*URL).EscapedPath", ReadUrlEscapedPath},
    {"net/url.(*URL).String", ReadUrlString},
};

// Longer code has more instructions than are followed; none has more than 15 bytes (Intel SDM).
constexpr uint64_t kMaxFollowedBytes = 15 * kMaxInstructions;

CodeOffsets Certain(const Findings& found) {
  CodeOffsets offsets;
  for (const auto& [field, candidates] : found) {
    const int64_t offset = *candidates.begin();
    if (candidates.size() == 1 && offset >= 0 && offset <= std::numeric_limits<uint32_t>::max()) {
      offsets[field] = static_cast<uint32_t>(offset);
    }
  }
  return offsets;
}

}  // namespace

std::vector<std::string> FunctionsThatTell() {
  std::vector<std::string> names;
  for (const Teller& teller : kTellers) names.emplace_back(teller.function);
  return names;
}

CodeOffsets OffsetsIn(std::string_view function, const Behaviour& behaviour) {
  Findings found;
  for (const Teller& teller : kTellers) {
    if (teller.function == function) teller.read(behaviour, &found);
  }
  return Certain(found);
}

CodeOffsets ReadMachineCode(const elf::ElfFile& file, const elf::GoFunctions& functions,
                            Passing passing) {
  Callees callees{.name_at = [&](uint64_t address) { return functions.NameAtEntry(address); },
                  .passing = passing,
                  .stack_bytes_at = {}};
  // Symbols say nothing of arguments.
  std::optional<elf::Pclntab> table;
  if (passing == Passing::kOnStack) {
    absl::StatusOr<elf::Pclntab> found = elf::Pclntab::Find(file);
    if (!found.ok()) return {};  // one source less
    table = *std::move(found);
    callees.stack_bytes_at = [&](uint64_t address) {
      const auto function = table->AtEntry(address);
      return function ? function->stack_bytes : std::nullopt;
    };
  }
  const std::vector<std::string> names = FunctionsThatTell();
  const std::vector<std::vector<elf::GoFunction>> found = functions.FindAll(names);
  Findings all;
  for (size_t i = 0; i < names.size(); ++i) {
    if (found[i].empty()) continue;
    const elf::GoFunction& function = found[i].front();
    if (function.size > kMaxFollowedBytes) continue;
    const auto instructions = elf::Disassemble(file, function.address, function.size);
    if (!instructions.ok()) continue;  // one source less; the others do not need the code
    const Behaviour behaviour = Follow(*instructions, callees);
    for (const auto& [field, offset] : OffsetsIn(names[i], behaviour)) all[field].insert(offset);
  }
  return Certain(all);
}

}  // namespace uprobed::profile
