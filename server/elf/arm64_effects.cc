// What an AArch64 instruction changes.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "server/elf/arm64_instructions.h"
#include "server/elf/arm64_word.h"

namespace uprobed::elf::arm64 {
namespace {

// The names of what an instruction writes. Register 31 is the stack pointer or nothing.
class Written {
 public:
  void Add(uint32_t number) {
    if (number < 31) AddName(fmt::format("x{}", number));
  }
  void AddOrStackPointer(uint32_t number) {
    if (number == 31) AddName("sp");
    Add(number);
  }
  void AddFlags() { AddName("nzcv"); }
  std::vector<std::string> Take() { return std::move(names_); }

 private:
  void AddName(std::string name) {
    if (std::find(names_.begin(), names_.end(), name) == names_.end()) {
      names_.push_back(std::move(name));
    }
  }
  std::vector<std::string> names_;
};

// Fields that most instructions have.
uint32_t Destination(uint32_t word) { return Bits(word, 0, 5); }  // Rd, Rt
uint32_t Base(uint32_t word) { return Bits(word, 5, 5); }         // Rn
uint32_t Second(uint32_t word) { return Bits(word, 10, 5); }      // Rt2
uint32_t Status(uint32_t word) { return Bits(word, 16, 5); }      // Rs

// Arm ARM C4.1.86: data processing, immediate.
void AddImmediateWrites(uint32_t word, Written* written) {
  const bool add = Bits(word, 23, 3) == 2;
  const bool logical = Bits(word, 23, 3) == 4;
  const bool flags = (add && Bits(word, 29, 1) == 1) || (logical && Bits(word, 29, 2) == 3);
  if (flags) written->AddFlags();
  if ((add || logical) && !flags) {
    written->AddOrStackPointer(Destination(word));
  } else {
    written->Add(Destination(word));
  }
}

// Arm ARM C4.1.89: data processing, register.
void AddRegisterWrites(uint32_t word, Written* written) {
  const uint32_t kind = Bits(word, 24, 5);
  constexpr uint32_t kLogical = 0b01010;
  constexpr uint32_t kAdd = 0b01011;
  constexpr uint32_t kCarryCompareSelect = 0b11010;
  const bool conditional_compare = kind == kCarryCompareSelect && Bits(word, 21, 3) == 2;
  const bool with_carry = kind == kCarryCompareSelect && Bits(word, 21, 3) == 0;
  const bool flags = (kind == kLogical && Bits(word, 29, 2) == 3) ||
                     ((kind == kAdd || with_carry) && Bits(word, 29, 1) == 1);
  if (flags || conditional_compare) written->AddFlags();
  if (conditional_compare) return;
  const bool extended = kind == kAdd && Bits(word, 21, 1) == 1;
  if (extended && !flags) {
    written->AddOrStackPointer(Destination(word));
  } else {
    written->Add(Destination(word));
  }
}

// What an access of memory is, as far as it matters who changes.
struct Access {
  bool loads = false;  // general registers: Rt, and Rt2 of a pair
  bool pair = false;
  bool stores = false;
  bool writes_base = false;    // before or behind the access
  bool writes_status = false;  // Rs: whether an exclusive store succeeded, or what cas found
  bool writes_status_pair = false;
};

// Exclusive and ordered accesses, compare and swap.
Access OrderedAccess(uint32_t word) {
  const bool load = Bits(word, 22, 1) == 1;
  const bool ordered = Bits(word, 23, 1) == 1;                          // o2
  const bool pair = Bits(word, 21, 1) == 1;                             // o1
  if (pair && ordered) return {.stores = true, .writes_status = true};  // cas
  if (pair && Bits(word, 31, 1) == 0) {                                 // casp
    return {.stores = true, .writes_status = true, .writes_status_pair = true};
  }
  if (load) return {.loads = true, .pair = pair};
  return {.stores = true, .writes_status = !ordered};
}

// One register, with every way of addressing; atomic operations.
Access SingleAccess(uint32_t word) {
  const bool vector = Bits(word, 26, 1) == 1;
  const uint32_t operation = Bits(word, 22, 2);
  const uint32_t mode = Bits(word, 10, 2);
  const bool scaled = Bits(word, 24, 1) == 1;
  const bool other = !scaled && Bits(word, 21, 1) == 1;
  if (other && mode == 0) {
    constexpr uint32_t kLoadAcquire = 0x38bfc000;  // ldapr: a load only
    return {.loads = true, .stores = (word & 0x3ffffc00) != kLoadAcquire};
  }
  if (other && mode != 2) return {.loads = true, .writes_base = mode == 3};  // ldraa, ldrab
  const bool prefetch = !vector && Bits(word, 30, 2) == 3 && operation == 2;
  const bool store = vector ? (operation & 1) == 0 : operation == 0;
  return {.loads = !vector && !store && !prefetch,
          .stores = store,
          .writes_base = !scaled && !other && (mode & 1) == 1};
}

// Arm ARM C4.1.88: loads and stores.
Access AccessOf(uint32_t word) {
  const bool vector = Bits(word, 26, 1) == 1;
  if (IsLiteralLoad(word)) return {.loads = !vector && Bits(word, 30, 2) != 3};
  if ((word & 0x3a000000) == 0x28000000) {  // ldp, stp
    const bool load = Bits(word, 22, 1) == 1;
    return {.loads = load && !vector,
            .pair = true,
            .stores = !load,
            .writes_base = Bits(word, 23, 1) == 1};
  }
  if ((word & 0x3f000000) == 0x08000000) return OrderedAccess(word);
  if ((word & 0x3a000000) == 0x38000000) return SingleAccess(word);
  if ((word & 0xbe000000) == 0x0c000000) {  // ld1 to ld4, st1 to st4
    return {.stores = Bits(word, 22, 1) == 0, .writes_base = Bits(word, 23, 1) == 1};
  }
  // ldapur, memory tags, copying: nothing that Go's compiler writes, so it may write all it names.
  return {.loads = true, .stores = true, .writes_base = true, .writes_status = true};
}

bool IsLoadOrStore(uint32_t word) { return (word & 0x0a000000) == 0x08000000; }

void AddMemoryWrites(uint32_t word, Written* written) {
  const Access access = AccessOf(word);
  if (access.loads) written->Add(Destination(word));
  if (access.loads && access.pair) written->Add(Second(word));
  if (access.writes_status) written->Add(Status(word));
  if (access.writes_status_pair) written->Add(Status(word) + 1);
  if (access.writes_base) written->AddOrStackPointer(Base(word));
}

// Arm ARM C4.1.90: floating point and vectors. Few give a general register.
void AddVectorWrites(uint32_t word, Written* written) {
  const uint32_t operation = Bits(word, 16, 3);
  const bool converts = (word & 0x7f20fc00) == 0x1e200000;        // fcvtzs, fmov, ...
  const bool converts_fixed = (word & 0x7f200000) == 0x1e000000;  // to and from fixed point
  const bool from_general = operation == 2 || operation == 3 || operation == 7;
  const bool moves_lane = (word & 0xbfe0fc00) == 0x0e003c00 || (word & 0xbfe0fc00) == 0x0e002c00;
  if (((converts || converts_fixed) && !from_general) || moves_lane) {
    written->Add(Destination(word));
  }
  const bool compares = (word & 0xff20fc07) == 0x1e202000 || (word & 0xff200c00) == 0x1e200400;
  if (compares) written->AddFlags();
}

void AddBranchOrSystemWrites(uint32_t word, Written* written) {
  constexpr uint32_t kLink = 30;
  const bool reads_system = IsMrs(word) || (word & 0xfff80000) == 0xd5280000;  // sysl
  if (IsBranchAndLink(word) || IsBranchAndLinkToRegister(word)) written->Add(kLink);
  if (reads_system) written->Add(Destination(word));
  if (IsSystemCall(word)) written->Add(0);  // Linux returns a system call's result in x0
}

}  // namespace

std::vector<std::string> WrittenBy(uint32_t word) {
  Written written;
  if (IsBranchOrSystem(word)) {
    AddBranchOrSystemWrites(word, &written);
  } else if (Bits(word, 26, 3) == 0b100) {
    AddImmediateWrites(word, &written);
  } else if (Bits(word, 25, 3) == 0b101) {
    AddRegisterWrites(word, &written);
  } else if (Bits(word, 25, 3) == 0b111) {
    AddVectorWrites(word, &written);
  } else if (IsLoadOrStore(word)) {
    AddMemoryWrites(word, &written);
  }
  return written.Take();
}

bool Stores(uint32_t word) { return IsLoadOrStore(word) && AccessOf(word).stores; }

}  // namespace uprobed::elf::arm64
