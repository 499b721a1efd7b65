// A proxy with a layer of your own between sockets and protocols: a connection begins with a shared word.
// own_transport [PORT], then curl --socks5-hostname 127.0.0.1:PORT http://example.com/
// The SOCKS client on PORT goes through the outbound "far" to the inbound "near" of the same process; the
// layer stands between the two.
#include "own_proxy.hpp"

#include <muxpro/proxy/registry.hpp>
#include <muxpro/proxy/transport.hpp>

#include <fmt/format.h>
#include <asio.hpp>

#include <chrono>
#include <cstdlib>
#include <string>
#include <utility>

namespace proxy = muxpro::proxy;

class shared_word final : public proxy::transport {
 public:
  shared_word(muxpro::role side, std::string word) : side_(side), word_(std::move(word)) {}

  asio::awaitable<std::shared_ptr<proxy::connection>> open(std::shared_ptr<proxy::connection> below,
                                                           std::error_code& ec) const override {
    const proxy::deadline limit(below, std::chrono::seconds(5));
    if (side_ == muxpro::role::client) {
      co_await below->write(asio::buffer(word_), ec);
      co_return below;
    }
    std::string received(word_.size(), '\0');
    for (std::size_t n = 0; n < received.size() && !ec;) {
      const std::size_t more = co_await below->read_some(asio::buffer(received) + n, ec);
      n += more;
    }
    if (!ec && received != word_) ec = asio::error::access_denied;
    co_return below;
  }

 private:
  const muxpro::role side_;
  const std::string word_;
};

const bool known = proxy::registry::global().carriers.add(
    "word", "A shared word before everything else.",
    [](proxy::settings& s, muxpro::role side, const std::string&) {
      std::string word = "please";
      s.secret({"word", "The word, the same on both sides."}, word);
      return proxy::transport_factory([=] { return std::make_shared<const shared_word>(side, word); });
    });

int main(int argc, char** argv) {
  return run_proxy(fmt::format(
      R"({{"log": {{"loglevel": "info"}},
           "inbounds": [{{"tag": "socks", "protocol": "socks", "listen": "127.0.0.1", "port": {}}},
                        {{"tag": "near", "protocol": "socks", "listen": "@muxpro-own-transport",
                          "streamSettings": {{"network": "word", "wordSettings": {{"word": "open sesame"}}}}}}],
           "outbounds": [{{"tag": "far", "protocol": "socks",
                           "settings": {{"servers": [{{"address": "unix:@muxpro-own-transport"}}]}},
                           "streamSettings": {{"network": "word", "wordSettings": {{"word": "open sesame"}}}}}},
                         {{"tag": "direct", "protocol": "freedom"}}],
           "routing": {{"rules": [{{"inboundTag": ["near"], "outboundTag": "direct"}}]}}}})",
      argc > 1 ? std::atoi(argv[1]) : 0));
}
