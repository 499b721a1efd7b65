// The layers of a stream, for example the socket under TLS under a stream of a user, as Asio's streams name
// them.
#pragma once

#include <muxpro/asio_address.hpp>
#include <muxpro/detail/asio.hpp>

#include <asio/ip/tcp.hpp>

#include <concepts>
#include <string>
#include <type_traits>
#include <typeinfo>

namespace muxpro::detail {

/// The layer right under a stream, as Asio's streams name it.
template <class Stream>
concept has_next_layer = requires(Stream& s) {
  requires std::is_lvalue_reference_v<decltype(s.next_layer())>;
  requires !std::same_as<std::remove_cvref_t<decltype(s.next_layer())>, Stream>;
};
template <class Stream>
concept has_lowest_layer = !has_next_layer<Stream> && requires(Stream & s) {
  requires std::is_lvalue_reference_v<decltype(s.lowest_layer())>;
  requires !std::same_as<std::remove_cvref_t<decltype(s.lowest_layer())>, Stream>;
};

/// Calls visit(layer) for a stream and each layer below it, until that returns true.
template <class Stream, class Visit>
bool any_layer(Stream& s, const Visit& visit) {
  if (visit(s)) return true;
  if constexpr (has_next_layer<Stream>)
    return any_layer(s.next_layer(), visit);
  else if constexpr (has_lowest_layer<Stream>)
    return any_layer(s.lowest_layer(), visit);
  else
    return false;
}

/// The first layer of this type, from the top.
template <class Stream>
void* layer_of_type(Stream& s, const std::type_info& type) noexcept {
  void* found = nullptr;
  any_layer(s, [&](auto& layer) {
    if (typeid(std::remove_cvref_t<decltype(layer)>) == type) found = &layer;
    return found != nullptr;
  });
  return found;
}

/// Returns "192.0.2.1:443", a path, or an empty string for endpoints of other families.
template <class Endpoint>
std::string endpoint_text(const Endpoint& e) {
  if constexpr (requires { e.path(); })
    return e.path();
  else if constexpr (requires { e.address(), e.port(); })
    return to_string(to_host_port(e));
  else
    return {};
}

enum class endpoint_of { this_side, peer };

/// Returns the endpoint of the first socket from the top, as text. Empty without a socket.
template <class Stream>
std::string endpoint_text_of(Stream& s, endpoint_of which) {
  std::string text;
  any_layer(s, [&](auto& layer) {
    if constexpr (requires(error_code & ec) { layer.remote_endpoint(ec), layer.local_endpoint(ec); }) {
      error_code ec;
      const auto e = which == endpoint_of::peer ? layer.remote_endpoint(ec) : layer.local_endpoint(ec);
      if (!ec) text = endpoint_text(e);
      return true;
    }
    return false;
  });
  return text;
}

template <class Layer>
concept tcp_socket = requires {
  requires std::same_as<typename Layer::protocol_type, asio::ip::tcp>;
};

/// Disables Nagle's algorithm, which would delay a small frame until the peer acknowledges the one before.
template <class Stream>
void set_no_delay(Stream& s) noexcept {
  any_layer(s, [](auto& layer) {
    constexpr bool found = tcp_socket<std::remove_cvref_t<decltype(layer)>>;
    error_code ignored;
    if constexpr (found) layer.set_option(asio::ip::tcp::no_delay(true), ignored);
    return found;
  });
}

}  // namespace muxpro::detail
