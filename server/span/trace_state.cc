#include "server/span/trace_state.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace uprobed::span {
namespace {

constexpr size_t kMaxMembers = 32;
constexpr size_t kMaxKey = 256;
constexpr size_t kMaxValue = 256;

bool BeginsKey(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool IsInKey(char c) {
  return BeginsKey(c) || c == '_' || c == '-' || c == '*' || c == '/' || c == '@';
}

bool IsInValue(char c) { return c >= ' ' && c <= '~' && c != ',' && c != '='; }

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string_view KeyOf(std::string_view member) { return member.substr(0, member.find('=')); }

bool IsMember(std::string_view member) {
  const std::string_view key = KeyOf(member);
  if (key.size() == member.size() || key.empty() || key.size() > kMaxKey) return false;
  const std::string_view value = member.substr(key.size() + 1);
  return BeginsKey(key.front()) && std::all_of(key.begin(), key.end(), IsInKey) && !value.empty() &&
         value.size() <= kMaxValue && std::all_of(value.begin(), value.end(), IsInValue);
}

}  // namespace

std::string ParseTraceState(std::string_view text, bool cut) {
  if (cut) {
    // Whether the last member is whole is not known.
    const size_t comma = text.rfind(',');
    text = comma == std::string_view::npos ? std::string_view() : text.substr(0, comma);
  }
  std::vector<std::string_view> members;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view member = Trim(text.substr(0, comma));
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    if (member.empty()) continue;
    const bool twice =
        std::any_of(members.begin(), members.end(),
                    [member](std::string_view other) { return KeyOf(other) == KeyOf(member); });
    if (!IsMember(member) || twice || members.size() == kMaxMembers) return {};
    members.push_back(member);
  }
  std::string list;
  for (const std::string_view member : members) {
    if (!list.empty()) list += ',';
    list += member;
  }
  return list;
}

size_t HeadSize(uint32_t flags) {
  return sizeof(up_http_record) + ((flags & UP_FLAG_TRACE_STATE) != 0 ? sizeof(up_trace_state) : 0);
}

std::optional<up_trace_state> TraceStateOf(std::span<const std::byte> record) {
  uint32_t flags = 0;
  if (record.size() < HeadSize(UP_FLAG_TRACE_STATE)) return std::nullopt;
  std::memcpy(&flags, record.data() + offsetof(up_http_record, flags), sizeof(flags));
  if ((flags & UP_FLAG_TRACE_STATE) == 0) return std::nullopt;
  up_trace_state state;
  std::memcpy(&state, record.data() + sizeof(up_http_record), sizeof(state));
  return state;
}

void AddTraceState(const up_trace_state& from, Span& span) {
  const bool cut = from.truncated == UP_TRACE_STATE_CUT;
  const size_t length = std::min<size_t>(from.length, sizeof(from.text));
  span.trace_state = ParseTraceState({from.text, length}, cut);
  if (from.truncated == 0) return;
  span.truncated.insert(0, span.truncated.empty() ? "trace_state" : "trace_state,");
}

}  // namespace uprobed::span
