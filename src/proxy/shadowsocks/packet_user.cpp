#include "proxy/shadowsocks/packet_user.hpp"

#include "proxy/socks/wire.hpp"

#include <utility>

namespace muxpro::proxy {

namespace {

/// Packets of a server that has started anew overtake those of its last session (SIP022 section 3.2.3).
constexpr std::chrono::seconds previous_session_kept{60};

}  // namespace

packet_user::packet_user(const shadowsocks_client& who) : who_(who) {
  if (!who_.method->of_2022) return;
  headers_.emplace(*who_.method, who_.key());
  sender_.emplace(*who_.method, who_.keys, new_packet_session());
}

void packet_user::seal(std::vector<std::byte>& out, const host_port& peer, const_bytes payload,
                       unix_time now) {
  std::vector<std::byte> text;
  text.reserve(most_packet_head + payload.size());
  if (sender_) {
    append_message_head(text, shadowsocks_message::request, now);
    append_number(text, 0, 2);
  }
  append_socks_address(text, peer);
  append_bytes(text, payload);
  if (sender_) return sender_->seal(out, text);
  const auto salt = random_bytes(who_.method->key_size);
  salts_.first_time(salt, now);
  seal_packet(out, *who_.method, who_.key(), salt, text);
}

// A packet of its own that comes back is no answer, because its salt was used.
std::optional<opened_packet> packet_user::open(bytes packet, unix_time now, std::string& mistake) {
  if (sender_) return open_of_2022(packet, now, mistake);
  if (!open_packet(text_, *who_.method, who_.key(), packet)) return std::nullopt;
  if (!salts_.first_time(packet.first(who_.method->key_size), now)) return std::nullopt;
  return read_packet_text(text_);
}

packet_user::remote_session* packet_user::find(std::uint64_t number) {
  if (current_ && current_->number == number) return &*current_;
  if (previous_ && previous_->number == number) return &*previous_;
  return nullptr;
}

std::optional<opened_packet> packet_user::open_of_2022(bytes packet, unix_time now, std::string& mistake) {
  const auto p = headers_->open(packet);
  if (!p) return std::nullopt;
  if (previous_ && now - previous_->last >= previous_session_kept) previous_.reset();
  remote_session* known = find(p->number.session);
  std::optional<remote_session> fresh;
  if (!known) {
    fresh.emplace(
        remote_session{p->number.session, packet_receiver(*who_.method, who_.key(), p->number.session), now});
    known = &*fresh;
  }
  const auto text = known->receiver.open(*p);
  const auto head = text ? read_packet_head(*text, shadowsocks_message::response, now) : std::nullopt;
  if (!head || head->client_session != sender_->session()) return std::nullopt;
  mistake = head->late;
  const auto found = read_packet_text(head->rest);
  if (!found || !mistake.empty()) return std::nullopt;
  known->receiver.accept(p->number);
  known->last = now;
  if (fresh) previous_ = std::exchange(current_, std::move(fresh));
  return found;
}

}  // namespace muxpro::proxy
