#ifndef UPROBED_CLIENT_COMMAND_LINE_H_
#define UPROBED_CLIENT_COMMAND_LINE_H_

#include <string>
#include <vector>

#include "client/exit_code.h"
#include "client/interrupt.h"
#include "client/terminal.h"

namespace uprobed::client {

// The whole of uprobectl but for the process: reads `arguments` (without the program's name) and
// runs the command that they name. `environment` holds UPROBED_ADDRESS, NO_COLOR and TERM where
// they are set. `interrupt` may be triggered from another thread.
ExitCode RunCommandLine(const std::vector<std::string>& arguments, const Streams& streams,
                        const Environment& environment, Interrupt& interrupt);

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_COMMAND_LINE_H_
