#include "proxy/transport/chunk_stream.hpp"

namespace muxpro::proxy {

std::shared_ptr<connection> make_chunked(const std::shared_ptr<connection>& below, chunk_codecs codecs,
                                         const_bytes received) {
  const std::shared_ptr<connection> c = make_connection(chunk_stream(below, std::move(codecs), received));
  c->set_user(below->user());
  c->set_greeting(below->greeted_with());
  below->set_close_hooks({[weak = std::weak_ptr(c)] {
                            if (const auto still_there = weak.lock()) still_there->drain();
                          },
                          nullptr});
  return c;
}

}  // namespace muxpro::proxy
