#include "tests/bench/peer_placement.h"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>

#include <cerrno>

#include "server/base/errors.h"
#include "server/elf/elf_file.h"
#include "server/elf/go_functions.h"
#include "server/elf/instructions.h"
#include "server/probe/uprobe_multi.h"

namespace uprobed::bench {
namespace {

struct Placement {
  std::string function;
  bool entry;
  bool returns;
};

// What a widely used tracer attaches to for a server span (source of May 2025).
const std::vector<Placement>& Placements() {
  static const std::vector<Placement> placements = {
      {"net.(*netFD).Read", true, false},
      {"net/textproto.(*Reader).readContinuedLineSlice", false, true},
      {"runtime.newproc1", true, true},
      {"runtime.goexit1", true, false},
      {"net/http.(*conn).readRequest", true, true},
      {"net/http.serverHandler.ServeHTTP", true, true},
      {"net/http.(*response).WriteHeader", true, false},
  };
  return placements;
}

absl::Status KernelError(const std::string& what) {
  return MakeErrnoError(errno, "BENCH_FAILED", what);
}

}  // namespace

absl::StatusOr<std::unique_ptr<PeerPlacement>> PeerPlacement::Attach(const std::string& path) {
  ASSIGN_OR_RETURN(const elf::ElfFile file, elf::ElfFile::Open(path));
  ASSIGN_OR_RETURN(const elf::GoFunctions functions, elf::GoFunctions::Read(file));
  std::unique_ptr<PeerPlacement> placement(new PeerPlacement());
  std::vector<unsigned long> offsets;
  for (const Placement& wanted : Placements()) {
    const std::vector<elf::GoFunction> found = functions.Find(wanted.function);
    if (found.empty()) continue;
    ASSIGN_OR_RETURN(const std::vector<elf::Instruction> code,
                     elf::Disassemble(file, found[0].address, found[0].size));
    for (const elf::Instruction& instruction : code) {
      const bool is_entry = instruction.address == found[0].address;
      const bool is_return = instruction.flow == elf::Flow::kReturn;
      if (!(is_entry && wanted.entry) && !(is_return && wanted.returns)) continue;
      offsets.push_back(file.FileOffset(instruction.address).value_or(0));
      if (elf::KernelEmulates(instruction.architecture, instruction.bytes))
        ++placement->emulated_site_count_;
    }
  }
  placement->site_count_ = offsets.size();
  RETURN_IF_ERROR(placement->LoadProgram());
  const std::string open_file = fmt::format("/proc/self/fd/{}", file.fd());
  bpf_link_create_opts options{};
  options.sz = sizeof(options);
  options.uprobe_multi.path = open_file.c_str();
  options.uprobe_multi.offsets = offsets.data();
  options.uprobe_multi.cnt = static_cast<__u32>(offsets.size());
  placement->link_.Reset(
      bpf_link_create(placement->program_.get(), -1, probe::kTraceUprobeMulti, &options));
  if (!placement->link_.valid()) return KernelError("attach");
  return placement;
}

// counter[0] += 1, atomically; return 0.
absl::Status PeerPlacement::LoadProgram() {
  counter_.Reset(bpf_map_create(BPF_MAP_TYPE_ARRAY, "peer_hits", sizeof(uint32_t), sizeof(uint64_t),
                                1, nullptr));
  if (!counter_.valid()) return KernelError("create the counter");
  const bpf_insn instructions[] = {
      // r1 = address of the map's first value (16-byte instruction)
      {.code = BPF_LD | BPF_DW | BPF_IMM,
       .dst_reg = BPF_REG_1,
       .src_reg = BPF_PSEUDO_MAP_VALUE,
       .off = 0,
       .imm = counter_.get()},
      {.code = 0, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .src_reg = 0, .off = 0, .imm = 1},
      {.code = BPF_STX | BPF_ATOMIC | BPF_DW,
       .dst_reg = BPF_REG_1,
       .src_reg = BPF_REG_2,
       .off = 0,
       .imm = BPF_ADD},
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
  };
  bpf_prog_load_opts options{};
  options.sz = sizeof(options);
  options.expected_attach_type = probe::kTraceUprobeMulti;
  program_.Reset(bpf_prog_load(BPF_PROG_TYPE_KPROBE, "peer_placement", "GPL", instructions,
                               std::size(instructions), &options));
  return program_.valid() ? absl::OkStatus() : KernelError("load the program");
}

uint64_t PeerPlacement::hits() const {
  const uint32_t key = 0;
  uint64_t value = 0;
  return bpf_map_lookup_elem(counter_.get(), &key, &value) == 0 ? value : 0;
}

}  // namespace uprobed::bench
