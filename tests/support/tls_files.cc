#include "tests/support/tls_files.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <stdexcept>

#include "server/base/c_handle.h"

namespace uprobed::testing {
namespace {

using Key = CHandle<EVP_PKEY, EVP_PKEY_free>;
using Certificate = CHandle<X509, X509_free>;
using Bio = CHandle<BIO, BIO_free_all>;
using Extension = CHandle<X509_EXTENSION, X509_EXTENSION_free>;

constexpr long kSecondsPerDay = 86400;

void Check(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(what);
}

void AddExtension(X509& certificate, int kind, const char* value) {
  const Extension extension(X509V3_EXT_conf_nid(nullptr, nullptr, kind, value));
  Check(extension != nullptr && X509_add_ext(&certificate, extension.get(), -1) == 1, "extension");
}

std::string Text(BIO& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(&bio, &data);
  return {data, static_cast<size_t>(size)};
}

}  // namespace

TlsPair MakeTlsPair() {
  const Key key(EVP_EC_gen("P-256"));
  Check(key != nullptr, "key");
  const Certificate certificate(X509_new());
  Check(certificate != nullptr, "certificate");
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kSecondsPerDay);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kSecondsPerDay);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* const name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  AddExtension(*certificate, NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(*certificate, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
  Check(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0, "sign");

  const Bio certificate_bio(BIO_new(BIO_s_mem()));
  const Bio key_bio(BIO_new(BIO_s_mem()));
  Check(PEM_write_bio_X509(certificate_bio.get(), certificate.get()) == 1, "write certificate");
  Check(PEM_write_bio_PKCS8PrivateKey(key_bio.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                      nullptr) == 1,
        "write key");
  return {.certificate_pem = Text(*certificate_bio), .key_pem = Text(*key_bio)};
}

}  // namespace uprobed::testing
