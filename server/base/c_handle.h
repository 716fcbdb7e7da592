#ifndef UPROBED_SERVER_BASE_C_HANDLE_H_
#define UPROBED_SERVER_BASE_C_HANDLE_H_

#include <memory>

namespace uprobed {

// Wraps a C library's handle: `using Link = CHandle<bpf_link, bpf_link__destroy>`.
template <auto Function>
struct Deleter {
  template <typename T>
  void operator()(T* handle) const noexcept {
    Function(handle);
  }
};

template <typename T, auto Function>
using CHandle = std::unique_ptr<T, Deleter<Function>>;

}  // namespace uprobed

#endif  // UPROBED_SERVER_BASE_C_HANDLE_H_
