// deleter: the deleter of a C library's object, as in std::unique_ptr<X509, deleter<X509_free>>. Ring 4, a
// rule.
#pragma once

namespace muxpro::proxy {

template <auto Free>
struct deleter {
  template <class T>
  void operator()(T* p) const noexcept {
    Free(p);
  }
};

}  // namespace muxpro::proxy
