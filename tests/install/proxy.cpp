// A program around muxpro::proxy, as a user of the installed package writes one: a configuration is read, and
// a proxy made of it answers a greeting of SOCKS.
#include <muxpro/proxy/configured_proxy.hpp>

#include <fmt/format.h>
#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

using namespace muxpro::proxy;

std::shared_ptr<const config> read(std::string_view text) {
  config_mistakes mistakes;
  geo_files lists;
  auto c = read_config(text, registry::global(), lists, mistakes);
  for (const config_mistake& m : mistakes.all()) throw std::runtime_error(m.path + ": " + m.sentence);
  return c;
}

void greet(const stream_endpoint& at) {
  asio::io_context io;
  asio::ip::tcp::socket client(io);
  client.connect(to_tcp(at));
  asio::write(client, asio::buffer(std::string("\x05\x01\x00", 3)));
  std::array<char, 2> answer{};
  asio::read(client, asio::buffer(answer));
  if (answer != std::array<char, 2>{5, 0}) throw std::runtime_error("the proxy answers something else");
}

// What is thrown in the library is caught here by its type, and error codes are equal on both sides.
void throws() {
  geo_files lists;
  const auto c =
      read(R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": "env:MUXPRO_NOT_SET"}],
                      "outbounds": [{"protocol": "freedom"}]})");
  try {
    const configured_proxy none(*c, lists, 1, [](log_level, std::string_view) {});
  } catch (const std::runtime_error& e) {
    if (std::string_view(e.what()).find("MUXPRO_NOT_SET") != std::string_view::npos) return;
  }
  throw std::runtime_error("a proxy without a port was made");
}

}  // namespace

int main() try {
  geo_files lists;
  const auto c = read(R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 0}],
                            "outbounds": [{"protocol": "freedom"}]})");
  configured_proxy proxy(*c, lists, 1, [](log_level, std::string_view) {});
  proxy.start();
  greet(proxy.listening().front().at);
  proxy.drain();
  proxy.wait();
  throws();
  fmt::print("the proxy has answered\n");
} catch (const std::exception& e) {
  fmt::print(stderr, "proxy: {}\n", e.what());
  return 1;
}
