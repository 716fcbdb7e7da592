// The BPF programs are built for both architectures on every machine; what only a kernel can say of
// them is not asked here.
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "server/base/c_handle.h"
#include "server/probe/site_program.h"

namespace uprobed::probe {
namespace {

using ::testing::ElementsAre;
using ::testing::Key;

using ObjectHandle = CHandle<bpf_object, bpf_object__close>;

ObjectHandle Open(const std::string& architecture) {
  const std::string path =
      std::string(UPROBED_BPF_OBJECTS_DIR) + "/uprobed." + architecture + ".bpf.o";
  return ObjectHandle(bpf_object__open_file(path.c_str(), nullptr));
}

// Type, and sizes of a key, of a value and of the whole.
using MapShape = std::tuple<bpf_map_type, uint32_t, uint32_t, uint32_t>;

std::map<std::string, MapShape> MapsOf(const bpf_object* object) {
  std::map<std::string, MapShape> maps;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    const std::string name = bpf_map__name(map);
    // libbpf's own, of constants and of text; they begin with the object's name.
    if (name.find('.') != std::string::npos) continue;
    maps[name] = {bpf_map__type(map), bpf_map__key_size(map), bpf_map__value_size(map),
                  bpf_map__max_entries(map)};
  }
  return maps;
}

std::map<std::string, const bpf_program*> ProgramsOf(const bpf_object* object) {
  std::map<std::string, const bpf_program*> programs;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) programs[bpf_program__name(program)] = program;
  return programs;
}

// Whether the program loads the word at `offset` behind some pointer.
bool LoadsWordAt(const bpf_program* program, int offset) {
  const bpf_insn* first = bpf_program__insns(program);
  return std::any_of(first, first + bpf_program__insn_cnt(program), [offset](const bpf_insn& insn) {
    return insn.code == (BPF_LDX | BPF_MEM | BPF_DW) && insn.off == offset;
  });
}

// The same behind the pointer to the registers, where that is kept: programs get it in r1.
bool LoadsRegisterAt(const bpf_program* program, int offset) {
  const bpf_insn* first = bpf_program__insns(program);
  const bpf_insn* last = first + bpf_program__insn_cnt(program);
  const auto* const kept = std::find_if(first, last, [](const bpf_insn& insn) {
    return insn.code == (BPF_ALU64 | BPF_MOV | BPF_X) && insn.src_reg == BPF_REG_1;
  });
  return kept != last && std::any_of(kept, last, [&](const bpf_insn& insn) {
           return insn.code == (BPF_LDX | BPF_MEM | BPF_DW) && insn.off == offset &&
                  insn.src_reg == kept->dst_reg;
         });
}

class BpfObjects : public ::testing::TestWithParam<std::string> {};

TEST_P(BpfObjects, HaveAProgramForEachKindOfSite) {
  const ObjectHandle object = Open(GetParam());
  ASSERT_NE(object, nullptr);

  EXPECT_THAT(
      ProgramsOf(object.get()),
      ElementsAre(Key("channel_close"), Key("channel_receive"), Key("channel_receive_direct"),
                  Key("channel_send"), Key("channel_send_direct"), Key("client_body"),
                  Key("client_connection"), Key("client_end"), Key("client_headers"),
                  Key("client_start"), Key("goroutine_start"), Key("grpc_client_end"),
                  Key("grpc_client_start"), Key("grpc_server_end"), Key("grpc_server_gone"),
                  Key("grpc_server_start"), Key("http2_client_attempt"),
                  Key("http2_client_headers"), Key("http2_client_stream"), Key("http2_server_end"),
                  Key("http2_server_start"), Key("http2_server_unfinished"), Key("select_done"),
                  Key("select_receive"), Key("select_send"), Key("server_end"),
                  Key("server_first_byte"), Key("server_handler"), Key("server_recover"),
                  Key("server_refused"), Key("server_route"), Key("server_start"),
                  Key("timer_start"), Key("timer_stop")));
  for (const auto& [name, program] : ProgramsOf(object.get())) {
    EXPECT_STREQ(bpf_program__section_name(program), "uprobe") << name;
    EXPECT_GT(bpf_program__insn_cnt(program), 10U) << name;
  }
}

TEST_P(BpfObjects, HaveTheProgramsThatSitesAreAttachedTo) {
  const ObjectHandle object = Open(GetParam());
  ASSERT_NE(object, nullptr);
  std::set<std::string> used;
  for (const profile::SiteKind kind : profile::AllSiteKinds()) {
    const SiteProgram program = ProgramOf(kind);
    EXPECT_EQ(program.name != nullptr, profile::IsProbed(kind)) << profile::Name(kind);
    if (program.name != nullptr) used.insert(program.name);
  }
  std::set<std::string> there;
  for (const auto& [name, program] : ProgramsOf(object.get())) there.insert(name);
  EXPECT_EQ(used, there);
}

// Kernels from 6.10 to 6.14 refuse a call of a global function where preemption is disabled.
TEST_P(BpfObjects, CallNoGlobalFunctions) {
  const ObjectHandle object = Open(GetParam());
  ASSERT_NE(object, nullptr);
  const auto programs = ProgramsOf(object.get());
  const btf* types = bpf_object__btf(object.get());
  ASSERT_NE(types, nullptr);
  size_t functions = 0;
  for (uint32_t id = 1; id < btf__type_cnt(types); ++id) {
    const btf_type* type = btf__type_by_id(types, id);
    if (!btf_is_func(type)) continue;
    const std::string name = btf__name_by_offset(types, type->name_off);
    if (name.starts_with("bpf_")) continue;  // the kernel's own
    ++functions;
    EXPECT_TRUE(btf_vlen(type) != BTF_FUNC_GLOBAL || programs.contains(name)) << name;
  }
  EXPECT_GT(functions, programs.size());
}

TEST_P(BpfObjects, ShareTheMapsWithTheDaemon) {
  const ObjectHandle object = Open(GetParam());
  const ObjectHandle amd64 = Open("amd64");
  ASSERT_NE(object, nullptr);
  ASSERT_NE(amd64, nullptr);

  EXPECT_THAT(
      MapsOf(object.get()),
      ElementsAre(
          Key("client_bodies"), Key("client_requests"), Key("counters"), Key("empty_client_body"),
          Key("empty_trace_state"), Key("events"), Key("failed_bodies"), Key("goroutine_origins"),
          Key("grpc_client_requests"), Key("http2_attempts"), Key("id_sequences"),
          Key("no_request_metrics"), Key("outgoing_connections"), Key("outgoing_headers"),
          Key("overflowed_request_metrics"), Key("profile_slots"), Key("request_metrics"),
          Key("scoped_processes"), Key("scratches"), Key("select_receives"), Key("sent_elements"),
          Key("server_contexts"), Key("server_requests"), Key("server_routes"), Key("span_limits"),
          Key("span_rates"), Key("timer_functions"), Key("trace_states")));
  EXPECT_EQ(MapsOf(object.get()), MapsOf(amd64.get()));
}

INSTANTIATE_TEST_SUITE_P(Of, BpfObjects, ::testing::Values("amd64", "arm64"),
                         [](const auto& run) { return run.param; });

// Both objects would pass the tests above if they were built for one architecture. The goroutine is
// in r14, the second word of amd64's registers, or in x28.
TEST(BpfObjects, ReadTheGoroutineFromTheRegisterOfTheirArchitecture) {
  constexpr int kR14 = 1 * 8;
  constexpr int kX28 = 28 * 8;
  const ObjectHandle amd64 = Open("amd64");
  const ObjectHandle arm64 = Open("arm64");
  ASSERT_NE(amd64, nullptr);
  ASSERT_NE(arm64, nullptr);
  for (const auto& [name, program] : ProgramsOf(amd64.get())) {
    EXPECT_TRUE(LoadsWordAt(program, kR14)) << name;
    EXPECT_FALSE(LoadsRegisterAt(program, kX28)) << name;
  }
  // Such a load would be seen.
  EXPECT_TRUE(LoadsRegisterAt(ProgramsOf(arm64.get()).at("timer_stop"), kX28));
  for (const auto& [name, program] : ProgramsOf(arm64.get())) {
    EXPECT_TRUE(LoadsWordAt(program, kX28)) << name;
  }
}

}  // namespace
}  // namespace uprobed::probe
