#ifndef UPROBED_CLIENT_ADVICE_H_
#define UPROBED_CLIENT_ADVICE_H_

#include <string>
#include <string_view>

#include "grpcpp/support/status_code_enum.h"

namespace uprobed::client {

// What to do next after an error, in one line: by its stable reason, else by its code.
std::string AdviceFor(grpc::StatusCode code, std::string_view reason);

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_ADVICE_H_
