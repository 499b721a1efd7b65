// The deleter of a C library's object: std::unique_ptr<X509, freed_by<X509_free>>. Ring 4, a rule.
#pragma once

namespace muxpro::proxy {

template <auto Free>
struct freed_by {
  template <class T>
  void operator()(T* p) const noexcept {
    Free(p);
  }
};

}  // namespace muxpro::proxy
