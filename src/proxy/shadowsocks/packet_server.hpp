// The packets of the clients of a server. Ring 4, a rule without clock.
#pragma once

#include "proxy/shadowsocks/packets.hpp"
#include "proxy/shadowsocks/server.hpp"

#include <muxpro/codec.hpp>

#include <asio/ip/address.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// The sender of packets, with the keys of its answers. That is a user for SIP004, and a session of a user
/// for SIP022. Belongs to one strand.
class packet_client final : public sealed_source {
 public:
  /// `session` is that of SIP022.
  packet_client(const shadowsocks_method& m, const accounts::tried_user& user, std::uint64_t number,
                std::optional<std::uint64_t> session);

  std::uint64_t number() const noexcept override { return number_; }
  const user_account& account() const noexcept override { return user_.user; }
  bool moves() const noexcept override { return session_.has_value(); }
  void seal(std::vector<std::byte>& out, const host_port& peer, const_bytes payload, unix_time now) override;

 private:
  friend class packet_server;

  const shadowsocks_method& method_;
  const accounts::tried_user user_;
  const shadowsocks_key key_;
  const std::uint64_t number_;
  const std::optional<std::uint64_t> session_;
  std::optional<packet_receiver> receiver_;
  std::optional<packet_sender> sender_;
};

/// Belongs to one strand.
class packet_server final : public sealed_datagrams {
 public:
  explicit packet_server(std::shared_ptr<const shadowsocks_server> at);

  std::optional<opened> open(bytes packet, const asio::ip::address& source, unix_time now,
                             std::string& mistake) override;

 private:
  /// Returns null without users.
  packet_headers* headers();
  std::optional<opened> open_of_2022(bytes packet, unix_time now, std::string& mistake);
  /// Returns null if there is no such user.
  std::shared_ptr<packet_client> client_of(packet_headers::opened& p);
  std::shared_ptr<packet_client> client_of(std::string_view name, const accounts::tried_user& user,
                                           std::optional<std::uint64_t> session = {});

  void keep(std::string_view name, const std::shared_ptr<packet_client>& client);

  const std::shared_ptr<const shadowsocks_server> at_;
  salt_memory salts_ = salt_memory::of_2017();
  std::optional<packet_headers> headers_;
  std::string only_key_;  ///< of headers_, if there are no identity headers
  std::map<std::string, std::weak_ptr<packet_client>, std::less<>> clients_;
  std::uint64_t last_number_ = 0;
  std::size_t clean_at_ = 0;
  std::vector<std::byte> text_;
};

}  // namespace muxpro::proxy
