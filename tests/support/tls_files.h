#ifndef UPROBED_TESTS_SUPPORT_TLS_FILES_H_
#define UPROBED_TESTS_SUPPORT_TLS_FILES_H_

#include <string>

namespace uprobed::testing {

// A fresh key and a certificate that it signed itself, so that the certificate is its own
// authority.
struct TlsPair {
  std::string certificate_pem;
  std::string key_pem;
};

// Valid for "localhost" and 127.0.0.1, for a day.
TlsPair MakeTlsPair();

}  // namespace uprobed::testing

#endif  // UPROBED_TESTS_SUPPORT_TLS_FILES_H_
