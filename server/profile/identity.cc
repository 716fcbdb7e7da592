#include <openssl/evp.h>

#include <array>
#include <memory>

#include "fmt/format.h"
#include "server/base/c_handle.h"
#include "server/base/errors.h"
#include "server/profile/resolver.h"

namespace uprobed::profile {
namespace {

// Note types: Go's build ID is 4 in cmd/internal/buildid, GNU's NT_GNU_BUILD_ID is 3.
constexpr uint32_t kGoBuildIdNote = 4;
constexpr uint32_t kGnuBuildIdNote = 3;

std::string ToHexadecimal(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

absl::StatusOr<std::string> Sha256(std::span<const std::byte> bytes) {
  const CHandle<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (context == nullptr || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), digest.data(), &size) != 1) {
    return MakeError(absl::StatusCode::kInternal, "HASH_FAILED",
                     "OpenSSL could not compute the SHA-256 of the file; check that libcrypto "
                     "offers SHA-256 on this machine");
  }
  return ToHexadecimal({reinterpret_cast<const char*>(digest.data()), size});
}

}  // namespace

absl::StatusOr<BinaryIdentity> ReadIdentity(const elf::ElfFile& file) {
  BinaryIdentity identity;
  ASSIGN_OR_RETURN(identity.sha256, Sha256(file.bytes()));
  identity.size = file.size();
  identity.go_build_id = file.FindNote("Go", kGoBuildIdNote).value_or("");
  identity.gnu_build_id = ToHexadecimal(file.FindNote("GNU", kGnuBuildIdNote).value_or(""));
  return identity;
}

}  // namespace uprobed::profile
