#include "proxy/shadowsocks/packet_server.hpp"

#include "proxy/base/byte_reader.hpp"
#include "proxy/socks/wire.hpp"

#include <algorithm>
#include <span>
#include <utility>

namespace muxpro::proxy {

namespace {

constexpr std::size_t least_clients = 1024;

shadowsocks_key bytes_of_key(const std::string& key) {
  const const_bytes all = std::as_bytes(std::span(key));
  return {all.begin(), all.end()};
}

/// Of a session of SIP022.
std::string session_name(std::uint64_t session) { return std::to_string(session); }

}  // namespace

packet_client::packet_client(const shadowsocks_method& m, const accounts::tried_user& user,
                             std::uint64_t number, std::optional<std::uint64_t> session)
    : method_(m), user_(user), key_(bytes_of_key(user.key)), number_(number), session_(session) {
  if (!session_) return;
  receiver_.emplace(m, key_, *session_);
  sender_.emplace(m, std::vector<shadowsocks_key>{key_}, new_packet_session());
}

void packet_client::seal(std::vector<std::byte>& out, const host_port& peer, const_bytes payload,
                         unix_time now) {
  std::vector<std::byte> text;
  text.reserve(most_packet_head + payload.size());
  if (session_) {
    append_message_head(text, shadowsocks_message::response, now);
    append_number(text, *session_, 8);
    append_number(text, 0, 2);
  }
  append_socks_address(text, peer);
  append_bytes(text, payload);
  if (session_)
    sender_->seal(out, text);
  else
    seal_packet(out, method_, key_, random_bytes(method_.key_size), text);
}

packet_server::packet_server(std::shared_ptr<const shadowsocks_server> at) : at_(std::move(at)) {
  if (at_->method.of_2022 && !at_->identities.empty()) headers_.emplace(at_->method, at_->identities);
}

// It is not kept before one of its packets has proved to be valid.
std::shared_ptr<packet_client> packet_server::client_of(std::string_view name,
                                                        const accounts::tried_user& user,
                                                        std::optional<std::uint64_t> session) {
  const auto known = clients_.find(name);
  auto client = known == clients_.end() ? nullptr : known->second.lock();
  if (client && client->user_.key == user.key) return client;
  return std::make_shared<packet_client>(at_->method, user, ++last_number_, session);
}

void packet_server::keep(std::string_view name, const std::shared_ptr<packet_client>& client) {
  clients_[std::string(name)] = client;
  if (clients_.size() <= clean_at_) return;
  std::erase_if(clients_, [](const auto& c) { return c.second.expired(); });
  clean_at_ = std::max(least_clients, 2 * clients_.size());
}

std::optional<packet_server::opened> packet_server::open(bytes packet, const asio::ip::address& source,
                                                         unix_time now, std::string& mistake) {
  if (at_->method.of_2022) return open_of_2022(packet, now, mistake);
  const auto user = at_->by_source.find(source, [&](const std::string& key) {
    return open_packet(text_, at_->method, std::as_bytes(std::span(key)), packet);
  });
  if (!user || !salts_.first_time(packet.first(at_->method.key_size), now)) return std::nullopt;
  const auto found = read_packet_text(text_);
  if (!found) return std::nullopt;
  auto by = client_of(user->key, *user);
  keep(user->key, by);
  return opened{std::move(by), *found};
}

// The header of a packet is encrypted by the server's key, or by that of its only user.
packet_headers* packet_server::headers() {
  if (!at_->identities.empty()) return &*headers_;
  const auto user = at_->named(std::nullopt);
  if (!user) return nullptr;
  if (user->key != only_key_) headers_.emplace(at_->method, bytes_of_key(user->key));
  only_key_ = user->key;
  return &*headers_;
}

std::shared_ptr<packet_client> packet_server::client_of(packet_headers::opened& p) {
  std::optional<key_identity> identity;
  if (!at_->identities.empty()) {
    identity = headers_->take_identity(p);
    if (!identity) return nullptr;
  }
  const auto user = at_->named(identity);
  return user ? client_of(session_name(p.number.session), *user, p.number.session) : nullptr;
}

std::optional<packet_server::opened> packet_server::open_of_2022(bytes packet, unix_time now,
                                                                 std::string& mistake) {
  packet_headers* const opens = headers();
  auto p = opens ? opens->open(packet) : std::nullopt;
  if (!p) return std::nullopt;
  auto by = client_of(*p);
  if (!by) return std::nullopt;
  const auto text = by->receiver_->open(*p);
  if (!text) return std::nullopt;
  const auto head = read_packet_head(*text, shadowsocks_message::request, now);
  if (!head) return std::nullopt;
  mistake = head->late;
  const auto found = read_packet_text(head->rest);
  if (!found || !mistake.empty()) return std::nullopt;
  by->receiver_->accept(p->number);
  keep(session_name(p->number.session), by);
  return opened{std::move(by), *found};
}

}  // namespace muxpro::proxy
