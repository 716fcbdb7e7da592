#include "tests/bench/empty_probes.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <cerrno>
#include <iterator>

#include "server/base/errors.h"
#include "server/probe/uprobe_multi.h"

namespace uprobed::bench {

absl::StatusOr<std::unique_ptr<EmptyProbes>> EmptyProbes::Attach(
    const std::string& path, const std::vector<unsigned long>& file_offsets) {
  // return 0;
  const bpf_insn instructions[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
  };
  std::unique_ptr<EmptyProbes> probes(new EmptyProbes());
  bpf_prog_load_opts load{};
  load.sz = sizeof(load);
  load.expected_attach_type = probe::kTraceUprobeMulti;
  probes->program_.Reset(bpf_prog_load(BPF_PROG_TYPE_KPROBE, "empty", "GPL", instructions,
                                       std::size(instructions), &load));
  if (!probes->program_.valid()) {
    return MakeErrnoError(errno, "BENCH_FAILED", "cannot load the empty program");
  }
  bpf_link_create_opts create{};
  create.sz = sizeof(create);
  create.uprobe_multi.path = path.c_str();
  create.uprobe_multi.offsets = file_offsets.data();
  create.uprobe_multi.cnt = static_cast<__u32>(file_offsets.size());
  probes->link_.Reset(
      bpf_link_create(probes->program_.get(), -1, probe::kTraceUprobeMulti, &create));
  if (!probes->link_.valid()) {
    return MakeErrnoError(errno, "BENCH_FAILED", "cannot attach the empty program to " + path);
  }
  return probes;
}

}  // namespace uprobed::bench
