#ifndef UPROBED_SERVER_PROFILE_MACHINE_CODE_H_
#define UPROBED_SERVER_PROFILE_MACHINE_CODE_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "server/elf/elf_file.h"
#include "server/elf/go_functions.h"
#include "server/profile/symbolic.h"

namespace uprobed::profile {

// Struct offsets as the code of the binary itself uses them: the third source, next to DWARF and
// the table, and the only one that sees a standard library that somebody patched.

// Offsets by FieldKey.
using CodeOffsets = std::map<std::string, uint32_t>;

// What the code of `file` says of the fields in AllFields(). A field is in the result only where
// every place that was understood says the same; most fields are told by one or two functions, and
// one that the program does not contain, or that the compiler wrote in a way that is not
// recognised, tells nothing. Of amd64 only: of other binaries nothing is told, and DWARF and the
// table have to do.
CodeOffsets ReadMachineCode(const elf::ElfFile& file, const elf::GoFunctions& functions,
                            Passing passing);

// The names of the functions that are read.
std::vector<std::string> FunctionsThatTell();

// What one of these functions tells; empty for other functions.
CodeOffsets OffsetsIn(std::string_view function, const Behaviour& behaviour);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_MACHINE_CODE_H_
