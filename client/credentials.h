#ifndef UPROBED_CLIENT_CREDENTIALS_H_
#define UPROBED_CLIENT_CREDENTIALS_H_

#include <memory>
#include <string>

#include "grpcpp/security/credentials.h"
#include "grpcpp/support/status.h"

namespace uprobed::client {

// How to prove who the daemon is and, where it asks for it, who we are. PEM files.
struct TlsOptions {
  bool enabled = false;  // each path enables it as well
  std::string ca_path;   // who signed the daemon's certificate; empty: the system's authorities
  std::string certificate_path;  // ours, and its key: both or none
  std::string key_path;
};

// Plain text where nothing of `options` is given. INVALID_ARGUMENT TLS_INCOMPLETE where a
// certificate has no key or a key no certificate; the errors of ReadFile.
grpc::Status MakeCredentials(const TlsOptions& options,
                             std::shared_ptr<grpc::ChannelCredentials>* credentials);

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_CREDENTIALS_H_
