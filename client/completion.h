#ifndef UPROBED_CLIENT_COMPLETION_H_
#define UPROBED_CLIENT_COMPLETION_H_

#include <string>

#include "CLI/App.hpp"

namespace uprobed::client {

// Scripts that complete commands, options and names in a shell, made from what `app` takes, so that
// they cannot fall behind it.
std::string BashCompletion(const CLI::App& app);
std::string ZshCompletion(const CLI::App& app);
std::string FishCompletion(const CLI::App& app);

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_COMPLETION_H_
