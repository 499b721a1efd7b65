#include "proxy/base/deleter.hpp"
#include "proxy/base/proxy_protocol.hpp"
#include "proxy/net/wall_clock.hpp"
#include "proxy/transport/paced_stream.hpp"
#include "proxy/transport/reality.hpp"
#include "proxy/transport/reality_certificates.hpp"
#include "proxy/transport/reality_front.hpp"
#include "proxy/transport/reality_tickets.hpp"
#include "proxy/transport/tls_context.hpp"
#include "proxy/transport/tls_handshake.hpp"

#include <muxpro/proxy/transport_dialer.hpp>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <asio/co_spawn.hpp>

#include <algorithm>
#include <mutex>
#include <new>
#include <stdexcept>
#include <utility>
#include <vector>

namespace muxpro::proxy {

namespace {

/// How long the target's answer to an own client may take, or else that is connected with the target.
constexpr duration answer_limit = std::chrono::seconds(5);
/// Sites send two, or four for resumption in parallel.
constexpr std::size_t most_tickets = 8;
/// OpenSSL's are not shorter. What is shorter is the first message of HTTP/2.
constexpr std::size_t least_ticket = 200;

/// Pads the records of a handshake to the lengths of the target's.
struct record_shape {
  std::vector<std::size_t> records;
  std::size_t next = 0;

  /// `size`: of the text with the type behind it (RFC 8446 section 5.2). The head and a tag of 16 bytes are
  /// around it. An alert in place of a message is as short as the target's.
  static std::size_t pad(SSL*, int type, std::size_t size, void* shape) {
    auto& s = *static_cast<record_shape*>(shape);
    if (type != SSL3_RT_HANDSHAKE || s.next == s.records.size()) return 0;
    const std::size_t wanted = s.records[s.next++], ours = record_header + size + 16;
    return wanted > ours ? wanted - ours : 0;
  }
};

// Clients that imitate browsers do not offer Ed25519, and take it all the same. OpenSSL does not sign by what
// was not offered. It has hashed the ClientHello before this call, and reads the extension after it.
int offer_ed25519(SSL* tls, int*, void*) {
  constexpr unsigned extension = 13;  // signature_algorithms (RFC 8446 section 4.2.3)
  constexpr unsigned char high = 0x08, low = 0x07;
  const unsigned char* list = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(tls, extension, &list, &size) != 1 || size < 4)
    return SSL_CLIENT_HELLO_SUCCESS;
  for (std::size_t i = 2; i + 1 < size; i += 2)
    if (list[i] == high && list[i + 1] == low) return SSL_CLIENT_HELLO_SUCCESS;
  auto* const last = const_cast<unsigned char*>(list) + size - 2;
  last[0] = high;
  last[1] = low;
  return SSL_CLIENT_HELLO_SUCCESS;
}

const char* suite_name(std::uint16_t suite) noexcept {
  switch (suite) {
    case 0x1302: return "TLS_AES_256_GCM_SHA384";
    case 0x1303: return "TLS_CHACHA20_POLY1305_SHA256";
    default: return "TLS_AES_128_GCM_SHA256";
  }
}

std::string reason_of(const reality_verdict& v, duration now) {
  if (v.refused != reality_refusal::time) return to_text(*v.refused);
  const auto off = std::chrono::duration_cast<std::chrono::seconds>(now) - std::chrono::seconds(v.claim.time);
  return fmt::format("{}: by {} s", to_text(*v.refused), off.count());
}

/// Both ends of a client's connection: those that an accepted PROXY header names, else those of the socket.
connection::origin ends_of(connection& client) {
  if (client.came_from()) return *client.came_from();
  auto* const plain = on_socket(client);
  if (!plain) return {};
  std::error_code gone;
  const auto source = plain->stream().remote_endpoint(gone), gateway = plain->stream().local_endpoint(gone);
  return {to_tcp(source), to_tcp(gateway)};
}

}  // namespace

struct reality_server::state {
  explicit state(reality_server_options o);
  ssl_ptr make_ssl(const target_flight& like, X509* shown, record_shape& shape) const;
  void imitate(const target_flight& like, SSL* tls, record_shape& shape) const;
  /// Remembers the session id of an own client.
  reality_verdict decide(const received_hello& hello, duration now);
  /// Null: there is no client whose ends a PROXY header could name.
  asio::awaitable<std::shared_ptr<connection>> dial_target(connection* client, std::error_code& ec);
  /// The first call begins to measure the target's tickets.
  static void begin_to_measure(const std::shared_ptr<state>& self, const asio::any_io_executor& executor);
  static asio::awaitable<void> measure(std::shared_ptr<state> self);

  const reality_server_options options;
  transport_dialer target;
  const std::unique_ptr<SSL_CTX, deleter<SSL_CTX_free>> context;
  std::unique_ptr<EVP_PKEY, deleter<EVP_PKEY_free>> signing_key;
  std::shared_ptr<proving_certificates> certificates;
  mutable std::mutex remembering;
  session_id_replay_filter remembered;
  bool measured = false;
  std::vector<std::size_t> tickets;
};

reality_server::state::state(reality_server_options o)
    : options(std::move(o)),
      target(options.target, transport_options()),
      context(SSL_CTX_new(TLS_server_method())),
      signing_key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")) {
  key_bytes public_key{};
  std::size_t size = public_key.size();
  auto* const out = reinterpret_cast<unsigned char*>(public_key.data());
  if (!context || !signing_key || EVP_PKEY_get_raw_public_key(signing_key.get(), out, &size) != 1)
    throw std::runtime_error("OpenSSL cannot make a server of REALITY");
  certificates = std::make_shared<proving_certificates>(public_key);
  SSL_CTX* const c = context.get();
  SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION);
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(c, 0);
  SSL_CTX_set_client_hello_cb(c, offer_ed25519, nullptr);
  share_secrets(c);
  if (!options.key_log.empty()) log_keys(c, options.key_log);
}

void reality_server::state::imitate(const target_flight& like, SSL* tls, record_shape& shape) const {
  shape.records = like.records;
  const std::lock_guard lock(remembering);
  SSL_set_num_tickets(tls, tickets.size());
  shape.records.insert(shape.records.end(), tickets.begin(), tickets.end());
}

ssl_ptr reality_server::state::make_ssl(const target_flight& like, X509* shown, record_shape& shape) const {
  ssl_ptr tls(SSL_new(context.get()));
  if (!tls || SSL_use_certificate(tls.get(), shown) != 1 ||
      SSL_use_PrivateKey(tls.get(), signing_key.get()) != 1)
    throw std::bad_alloc();
  SSL_set_accept_state(tls.get());
  SSL_set_ciphersuites(tls.get(), suite_name(like.suite));
  if (like.records.size() > 1) imitate(like, tls.get(), shape);
  SSL_set_record_padding_callback(tls.get(), record_shape::pad);
  SSL_set_record_padding_callback_arg(tls.get(), &shape);
  return tls;
}

reality_verdict reality_server::state::decide(const received_hello& hello, duration now) {
  if (hello.what != received_hello::status::whole) {
    reality_verdict none;
    none.refused = reality_refusal::no_hello;
    return none;
  }
  reality_verdict out = judge(hello, options.rules, now);
  if (out.refused) return out;
  const auto parts = parse_reality_hello(hello.message);
  session_id id{};
  std::copy(parts->session_id.begin(), parts->session_id.end(), id.begin());
  const std::lock_guard lock(remembering);
  if (!remembered.note(id, std::chrono::steady_clock::now())) out.refused = reality_refusal::replay;
  return out;
}

reality_server::reality_server(reality_server_options options)
    : state_(std::make_shared<state>(std::move(options))) {}
reality_server::~reality_server() = default;

asio::awaitable<std::shared_ptr<connection>> reality_server::open(std::shared_ptr<connection>,
                                                                  std::error_code& ec) const {
  ec = asio::error::operation_not_supported;
  co_return nullptr;
}

asio::awaitable<std::shared_ptr<connection>> reality_server::state::dial_target(connection* client,
                                                                                std::error_code& ec) {
  auto dialled = co_await target.dial(ec);
  if (ec || options.proxy_header == 0) co_return dialled;
  const connection::origin ends = client ? ends_of(*client) : connection::origin();
  const std::vector<std::byte> header = proxy_header(options.proxy_header, ends.source, ends.gateway);
  co_await dialled->write(asio::buffer(header), ec);
  co_return dialled;
}

void reality_server::state::begin_to_measure(const std::shared_ptr<state>& self,
                                             const asio::any_io_executor& executor) {
  const std::lock_guard lock(self->remembering);
  if (std::exchange(self->measured, true)) return;
  asio::co_spawn(executor, measure(self), [](std::exception_ptr) {});
}

// Tickets that are not known are not sent.
asio::awaitable<void> reality_server::state::measure(std::shared_ptr<state> self) {
  std::error_code ec;
  auto target = co_await self->dial_target(nullptr, ec);
  if (ec) co_return;
  std::string name;
  if (!self->options.rules.names.empty()) name = *self->options.rules.names.rbegin();
  auto found = co_await measure_tickets(std::move(target), std::move(name), ec);
  const auto other = [](std::size_t record) { return record < least_ticket; };
  found.erase(std::find_if(found.begin(), found.end(), other), found.end());
  if (found.size() > most_tickets) found.resize(most_tickets);
  const std::lock_guard lock(self->remembering);
  self->tickets = std::move(found);
}

asio::awaitable<void> reality_server::serve_stranger(std::shared_ptr<connection> client,
                                                     std::shared_ptr<connection> target,
                                                     std::shared_ptr<reality_front> front, std::string why,
                                                     server serve, std::error_code& ec) const {
  connection::detour d;
  d.early = co_await front->stop(ec);
  if (ec) co_return;
  d.to = paced(std::move(target), state_->options.download);
  d.at = state_->options.target.at;
  d.name = to_string(state_->options.target);
  d.reason = std::move(why);
  client = paced(std::move(client), state_->options.upload);
  client->turn_away(std::move(d));
  co_await serve(std::move(client));
}

namespace {

template <class Next>
asio::awaitable<void> serve_over(Next next, ssl_ptr tls, std::unique_ptr<tls_extras> extras,
                                 const reality_server_options& options, transport::server serve,
                                 std::error_code& ec) {
  auto c = co_await handshake_over(std::move(next), std::move(tls), std::move(extras), options.handshake, ec);
  if (ec) co_return;
  c->stream().forget_handshake();
  co_await serve(std::move(c));
}

asio::awaitable<void> serve_own(std::shared_ptr<connection> below, ssl_ptr tls,
                                std::unique_ptr<tls_extras> extras, const reality_server_options& options,
                                transport::server serve, std::error_code& ec) {
  if (auto* const plain = on_socket(*below))
    return serve_over(std::move(plain->stream()), std::move(tls), std::move(extras), options,
                      std::move(serve), ec);
  return serve_over(erased_stream(std::move(below)), std::move(tls), std::move(extras), options,
                    std::move(serve), ec);
}

}  // namespace

asio::awaitable<void> reality_server::accept(std::shared_ptr<connection> below, server serve,
                                             std::error_code& ec) const {
  state::begin_to_measure(state_, below->get_executor());
  auto target = co_await state_->dial_target(below.get(), ec);
  if (ec) co_return;
  auto front = std::make_shared<reality_front>(below, target);
  const received_hello hello = co_await front->read_hello(state_->options.handshake, ec);
  if (ec) co_return;
  const bool target_first = front->target_came();
  const duration now = wall_clock().time_since_epoch();
  const reality_verdict verdict = state_->decide(hello, now);
  target_flight flight;
  if (!verdict.refused) flight = co_await front->read_flight(answer_limit);
  if (verdict.refused || flight.what != target_flight::status::whole) {
    std::string why =
        verdict.refused ? reason_of(verdict, now) : "its own, but the target's answer cannot be imitated";
    if (target_first && verdict.refused == reality_refusal::no_hello)
      why = "the target has answered or closed before its ClientHello came";
    co_return co_await serve_stranger(std::move(below), std::move(target), std::move(front), std::move(why),
                                      std::move(serve), ec);
  }
  std::error_code of_target;
  co_await front->stop(of_target);
  target->cut();
  const auto shape = std::make_shared<record_shape>();
  auto shown = state_->certificates->take(verdict.key);
  ssl_ptr tls = state_->make_ssl(flight, shown.get(), *shape);
  auto extras = std::make_unique<tls_extras>();
  extras->early = std::move(front->received());
  extras->handshake = [shape, shown = std::move(shown)](SSL* s) mutable {
    const int done = SSL_do_handshake(s);
    if (done == 1) shown.reset();
    return done;
  };
  front.reset();
  target.reset();
  co_await serve_own(std::move(below), std::move(tls), std::move(extras), state_->options, std::move(serve),
                     ec);
}

}  // namespace muxpro::proxy
