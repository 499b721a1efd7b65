#include <muxpro/proxy/transport.hpp>

namespace muxpro::proxy {

namespace {

class plain final : public transport {
 public:
  asio::awaitable<std::shared_ptr<connection>> open(stream_socket socket, std::error_code&) const override {
    std::shared_ptr<connection> c = make_connection(std::move(socket));
    co_return c;
  }
};

}  // namespace

std::shared_ptr<const transport> plain_transport() {
  static const auto only = std::make_shared<const plain>();
  return only;
}

}  // namespace muxpro::proxy
