// Tells ThreadSanitizer of absl::Mutex. The distribution's Abseil is not built for it, so it sees
// neither a lock nor an unlock and takes all that a mutex guards for a data race. These definitions
// come before the library's in the search order of the dynamic linker, call them, and add what they
// order. Linked in where UPROBED_SANITIZE is "thread" only.

#include <dlfcn.h>
#include <fmt/format.h>
#include <sanitizer/tsan_interface.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "absl/base/options.h"
#include "absl/synchronization/mutex.h"

// The runtime has them; GCC 12's header does not declare them.
extern "C" void __tsan_ignore_thread_begin();  // NOLINT(bugprone-reserved-identifier)
extern "C" void __tsan_ignore_thread_end();    // NOLINT(bugprone-reserved-identifier)

namespace uprobed {
namespace {

#define UPROBED_STRING_INNER(text) #text
#define UPROBED_STRING(text) UPROBED_STRING_INNER(text)
constexpr std::string_view kNamespace = UPROBED_STRING(ABSL_OPTION_INLINE_NAMESPACE_NAME);

// The library's own definition of a member of absl::Mutex; `rest` is the mangled name behind the
// class.
template <typename Function>
Function* Real(std::string_view rest) {
  const std::string name = fmt::format("_ZN4absl{}{}5Mutex{}", kNamespace.size(), kNamespace, rest);
  void* const address = ::dlsym(RTLD_NEXT, name.c_str());
  if (address == nullptr) {
    fmt::print(stderr, "no {} in the shared library of Abseil\n", name);
    std::abort();
  }
  return reinterpret_cast<Function*>(address);
}

using MutexFunction = void(absl::Mutex*);

// Abseil evaluates the conditions of waiting threads while it unlocks, which is still under the
// lock but after what we told the sanitizer.
class IgnoreAccesses {
 public:
  IgnoreAccesses() { __tsan_ignore_thread_begin(); }
  IgnoreAccesses(const IgnoreAccesses&) = delete;
  IgnoreAccesses& operator=(const IgnoreAccesses&) = delete;
  ~IgnoreAccesses() { __tsan_ignore_thread_end(); }
};

void CallAndAcquire(MutexFunction* real, absl::Mutex* mutex) {
  {
    const IgnoreAccesses ignore;
    real(mutex);
  }
  __tsan_acquire(mutex);
}

void ReleaseAndCall(MutexFunction* real, absl::Mutex* mutex) {
  __tsan_release(mutex);
  const IgnoreAccesses ignore;
  real(mutex);
}

}  // namespace
}  // namespace uprobed

namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::Lock() {
  static auto* const real = uprobed::Real<uprobed::MutexFunction>("4LockEv");
  uprobed::CallAndAcquire(real, this);
}

void Mutex::Unlock() {
  static auto* const real = uprobed::Real<uprobed::MutexFunction>("6UnlockEv");
  uprobed::ReleaseAndCall(real, this);
}

void Mutex::ReaderLock() {
  static auto* const real = uprobed::Real<uprobed::MutexFunction>("10ReaderLockEv");
  uprobed::CallAndAcquire(real, this);
}

void Mutex::ReaderUnlock() {
  static auto* const real = uprobed::Real<uprobed::MutexFunction>("12ReaderUnlockEv");
  uprobed::ReleaseAndCall(real, this);
}

// All of Await, AwaitWithTimeout and AwaitWithDeadline: they unlock while they wait.
bool Mutex::AwaitCommon(const Condition& condition,
                        synchronization_internal::KernelTimeout timeout) {
  using Function = bool(Mutex*, const Condition&, synchronization_internal::KernelTimeout);
  static auto* const real = uprobed::Real<Function>(
      "11AwaitCommonERKNS0_9ConditionENS0_24synchronization_internal13KernelTimeoutE");
  __tsan_release(this);
  bool met = false;
  {
    const uprobed::IgnoreAccesses ignore;
    met = real(this, condition, timeout);
  }
  __tsan_acquire(this);
  return met;
}

ABSL_NAMESPACE_END
}  // namespace absl
