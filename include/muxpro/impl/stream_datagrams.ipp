// stream_state: the operations of a sub-stream of UDP.
#pragma once

#include <muxpro/detail/session_impl.hpp>
#include <muxpro/detail/stream_state.hpp>

#include <cstring>
#include <utility>

namespace muxpro::detail {

// A peer of dialect G repeats the GlobalID of New behind each prefix. It is no part of the datagram.
MUXPRO_DECL std::size_t stream_state::repeated_source(const_bytes behind_prefix) const noexcept {
  if (session_->rules().peer_dialect() != dialect::go || !datagrams->source) return 0;
  const global_id& id_of_new = *datagrams->source;
  if (behind_prefix.size() < id_of_new.size()) return 0;
  const bool repeated = std::memcmp(behind_prefix.data(), id_of_new.data(), id_of_new.size()) == 0;
  return repeated ? id_of_new.size() : 0;
}

MUXPRO_DECL bool stream_state::datagram_arrived() {
  datagram d = std::exchange(datagrams->arriving, {});
  const std::uint64_t block = d.block.size();
  bool well_formed = true;
  if (datagrams->arriving_addressed) {
    auto p = decode_prefix(d.block);
    well_formed = p.has_value();
    if (p) {
      d.address = std::move(p->address);
      d.payload = p->size + repeated_source(const_bytes(d.block).subspan(p->size));
    }
  }
  if (!well_formed || d.block.size() - d.payload > max_datagram) {
    datagrams->in.drop();
    consumed(block);
    return well_formed;
  }
  if (datagrams->receiver) {
    hand_over(std::move(d), *std::exchange(datagrams->receiver, nullptr));
  } else if (datagrams->in.push(std::move(d))) {
    session_->buffered(block);
  } else {
    consumed(block);
  }
  return true;
}

MUXPRO_DECL void stream_state::hand_over(datagram d, receive_op& op) {
  error_code ec;
  std::size_t n = 0;
  const auto payload = const_bytes(d.block).subspan(d.payload);
  *op.from = d.address.value_or(host_port{target.host, target.port});
  op.into.each(payload.size(), [&](asio::mutable_buffer part) {
    std::memcpy(part.data(), payload.data() + n, part.size());
    n += part.size();
  });
  if (n < payload.size()) ec = asio::error::message_size;
  consumed(d.block.size());
  op.complete(ec, n);
}

MUXPRO_DECL bool stream_state::receive_now(receive_op& op) {
  if (net != network::udp) return op.complete(errc::wrong_network, 0), true;
  if (datagrams->receiver) return op.complete(errc::operation_in_progress, 0), true;
  if (!datagrams->in.empty()) {
    datagram d = datagrams->in.pop();
    session_->unbuffered(d.block.size());
    return hand_over(std::move(d), op), true;
  }
  if (fate_) return op.complete(fate_, 0), true;
  if (remote_ended) return op.complete(asio::error::eof, 0), true;
  return false;
}

MUXPRO_DECL void stream_state::cancel_receive(receive_op* op) {
  if (!datagrams || datagrams->receiver != op) return;
  datagrams->receiver = nullptr;
  op->complete(asio::error::operation_aborted, 0);
}

MUXPRO_DECL error_code stream_state::send_datagram(const whole_buffers<asio::const_buffer>& data,
                                                   const host_port* to) {
  if (net != network::udp) return errc::wrong_network;
  if (fate_) return fate_;
  if (local_ended || finishing_) return errc::already_shut_down;
  datagram d;
  const bool addressed = to && session_->speaks_addresses();
  if (addressed) {
    if (!to->host.valid()) return errc::bad_host;
    d.address = *to;
    d.block.resize(max_prefix);
    d.payload = encode_prefix(*to, d.block);
    d.block.resize(d.payload);
  }
  if (data.size() > session_->rules().wire().longest_datagram || d.payload + data.size() > max_extra_data) {
    datagrams->out.drop();
    return errc::datagram_too_large;
  }
  d.block.reserve(d.payload + data.size());
  data.each(data.size(), [&](asio::const_buffer part) {
    const auto* const from = static_cast<const std::byte*>(part.data());
    d.block.insert(d.block.end(), from, from + part.size());
  });
  if (datagrams->out.push(std::move(d))) pay_for_datagram();
  return {};
}

// A datagram of nearly a whole window that waits this long for its credit is dropped, because it may never
// fit what the peer leaves.
inline constexpr auto stale_datagram = std::chrono::seconds(1);

MUXPRO_DECL void stream_state::pay_for_datagram() {
  auto& out = datagrams->out;
  time_point& since = datagrams->unpaid_since;
  if (datagrams->front_paid || (fate_ && !closing_)) return;
  for (; !out.empty(); since = {}) {
    const std::size_t n = out.front().block.size();
    if (n == 0 || credit_.try_acquire(n, n) == n) break;
    if (since == time_point{}) since = now();
    if (n <= datagram_reserve || now() - since < stale_datagram) return;
    out.pop();
    out.drop();
  }
  if (out.empty()) return;
  since = {};
  datagrams->front_paid = true;
  session_->queue().push_data(*this);
  session_->wake_writer();
}

MUXPRO_DECL void stream_state::datagram_sent() {
  datagrams->front_paid = false;
  pay_for_datagram();
  end_if_finishing();
}

}  // namespace muxpro::detail
