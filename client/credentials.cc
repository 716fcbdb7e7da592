#include "client/credentials.h"

#include "client/failure.h"
#include "client/input_file.h"

namespace uprobed::client {
namespace {

grpc::Status ReadIfNamed(const std::string& path, std::string* text) {
  return path.empty() ? grpc::Status::OK : ReadFile(path, text);
}

}  // namespace

grpc::Status MakeCredentials(const TlsOptions& options,
                             std::shared_ptr<grpc::ChannelCredentials>* credentials) {
  if (!options.enabled && options.ca_path.empty() && options.certificate_path.empty() &&
      options.key_path.empty()) {
    *credentials = grpc::InsecureChannelCredentials();
    return grpc::Status::OK;
  }
  if (options.certificate_path.empty() != options.key_path.empty()) {
    return MakeFailure(grpc::StatusCode::INVALID_ARGUMENT, "TLS_INCOMPLETE",
                       "--tls-cert and --tls-key belong together");
  }
  grpc::SslCredentialsOptions tls;
  if (grpc::Status status = ReadIfNamed(options.ca_path, &tls.pem_root_certs); !status.ok()) {
    return status;
  }
  if (grpc::Status status = ReadIfNamed(options.certificate_path, &tls.pem_cert_chain);
      !status.ok()) {
    return status;
  }
  if (grpc::Status status = ReadIfNamed(options.key_path, &tls.pem_private_key); !status.ok()) {
    return status;
  }
  *credentials = grpc::SslCredentials(tls);
  return grpc::Status::OK;
}

}  // namespace uprobed::client
