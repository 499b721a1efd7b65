#include "proxy/base/chunk_codec.hpp"

#include <algorithm>

namespace muxpro::proxy {

void append_sealed(std::vector<std::byte>& out, chunk_sealer& sealer, const_bytes text) {
  do {
    const std::size_t had = out.size();
    const const_bytes next = text.first(std::min(text.size(), sealer.most()));
    out.resize(had + next.size() + sealer.overhead());
    chunk_sealer::chunk sealed;
    if (next.empty())
      sealed.size = sealer.begin(out.data() + had);
    else
      sealed = sealer.seal(next, out.data() + had);
    out.resize(had + sealed.size);
    if (sealed.text == 0) return;
    text = text.subspan(sealed.text);
  } while (!text.empty());
}

}  // namespace muxpro::proxy
