// The packets of a client and of its server. Ring 4, a rule without clock.
#pragma once

#include "proxy/shadowsocks/packets.hpp"
#include "proxy/shadowsocks/salt_memory.hpp"
#include "proxy/shadowsocks/stream.hpp"

#include <muxpro/codec.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace muxpro::proxy {

/// One session. Belongs to one strand.
class packet_user final : public packet_exchange {
 public:
  explicit packet_user(const shadowsocks_client& who);

  void seal(std::vector<std::byte>& out, const host_port& peer, const_bytes payload, unix_time now) override;
  std::optional<opened_packet> open(bytes packet, unix_time now, std::string& mistake) override;

 private:
  struct remote_session {
    std::uint64_t number = 0;
    packet_receiver receiver;
    unix_time last{};
  };
  std::optional<opened_packet> open_of_2022(bytes packet, unix_time now, std::string& mistake);
  remote_session* find(std::uint64_t number);

  const shadowsocks_client who_;
  salt_memory salts_ = salt_memory::of_2017(5000);
  std::optional<packet_headers> headers_;
  std::optional<packet_sender> sender_;
  std::optional<remote_session> current_, previous_;  ///< of the server, which may start anew
  std::vector<std::byte> text_;
};

}  // namespace muxpro::proxy
