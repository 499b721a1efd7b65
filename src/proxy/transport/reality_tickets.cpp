#include "proxy/transport/reality_tickets.hpp"
#include "proxy/base/deleter.hpp"

#include "proxy/net/read_deadline.hpp"
#include "proxy/transport/tls_handshake.hpp"

#include <openssl/ssl.h>

#include <array>
#include <chrono>
#include <new>
#include <utility>

namespace muxpro::proxy {

namespace {

constexpr duration listens = std::chrono::seconds(2), longest_handshake = std::chrono::seconds(10);

/// Notes the heads of records that come once the handshake is over.
void note_record(int sent, int, int type, const void* head, std::size_t size, SSL* tls, void* list) {
  const auto* const at = static_cast<const unsigned char*>(head);
  if (sent != 0 || type != SSL3_RT_HEADER || size != record_header || !SSL_is_init_finished(tls)) return;
  static_cast<std::vector<std::size_t>*>(list)->push_back(record_header +
                                                          static_cast<std::size_t>(at[3] << 8U | at[4]));
}

ssl_ptr curious_client(const std::string& name, std::vector<std::size_t>& list) {
  const std::unique_ptr<SSL_CTX, deleter<SSL_CTX_free>> context(SSL_CTX_new(TLS_client_method()));
  ssl_ptr tls(context ? SSL_new(context.get()) : nullptr);
  if (!tls) throw std::bad_alloc();
  SSL_set_connect_state(tls.get());
  SSL_set_min_proto_version(tls.get(), TLS1_3_VERSION);
  constexpr unsigned char protocols[] = "\x02h2\x08http/1.1";
  SSL_set_alpn_protos(tls.get(), protocols, sizeof protocols - 1);
  if (!name.empty()) SSL_set_tlsext_host_name(tls.get(), name.c_str());
  SSL_set_msg_callback(tls.get(), note_record);
  SSL_set_msg_callback_arg(tls.get(), &list);
  return tls;
}

}  // namespace

asio::awaitable<std::vector<std::size_t>> measure_tickets(std::shared_ptr<connection> target,
                                                          std::string name, std::error_code& ec) {
  const auto list = std::make_shared<std::vector<std::size_t>>();
  auto extras = std::make_unique<tls_extras>();
  extras->handshake = [list](SSL* s) { return SSL_do_handshake(s); };
  erased_stream below(std::move(target));
  ssl_ptr tls = curious_client(name, *list);
  const auto c =
      co_await handshake_over(std::move(below), std::move(tls), std::move(extras), longest_handshake, ec);
  if (ec) co_return std::vector<std::size_t>();
  read_deadline limit(c->get_executor(), listens);
  std::array<std::byte, 4096> room{};
  std::error_code ended;
  while (!ended) co_await c->read_some(asio::buffer(room), ended, limit.slot());
  co_return *list;
}

}  // namespace muxpro::proxy
