// session_impl::handle_frame() and others: act on the frames of the peer.
#pragma once

#include <muxpro/detail/session_impl.hpp>
#include <muxpro/sub_stream.hpp>

#include <utility>

namespace muxpro::detail {

MUXPRO_DECL void session_impl::handle_frame() {
  active_at_ = turn_time_;
  data_for_ = nullptr;
  const frame& f = decoder_.current();
  ++counted_.received[f.index()].frames;
  counted_.received[f.index()].bytes += decoder_.payload_left();
  const auto e = rules_.receive(f, turn_time_);
  if (e.what == protocol::event_type::opened)
    open_by_peer(std::get<new_stream>(f));
  else
    act_on(e);
}

MUXPRO_DECL void session_impl::act_on(const protocol::event& e) {
  auto* const s = static_cast<stream_state*>(e.stream);
  switch (e.what) {
    case protocol::event_type::nothing:
    case protocol::event_type::opened: break;
    case protocol::event_type::failed: close(e.error); break;
    case protocol::event_type::data: begin_data(*s, static_cast<std::size_t>(e.amount)); break;
    case protocol::event_type::dropped: s->datagrams->in.drop(); break;
    case protocol::event_type::credit: s->add_credit(e.amount); break;
    case protocol::event_type::full: wait_until_read(*s, static_cast<std::size_t>(e.amount)); break;
    case protocol::event_type::ended: s->peer_ended(); break;
    case protocol::event_type::closed: s->peer_closed(); break;
    case protocol::event_type::aborted: end_stream(*s, make_error_code(e.code)); break;
    case protocol::event_type::violated:
      log(severity::debug, "sub-stream {} ({}) broke a rule of the protocol and was ended", s->id, s->target);
      end_stream(*s, errc::stream_violation);
      break;
  }
}

MUXPRO_DECL void session_impl::end_stream(stream_state& s, error_code why) {
  const ref self(s);
  s.drop_staged();
  s.fail(why, true);
  if (s.listed) release(s);
}

MUXPRO_DECL void session_impl::open_by_peer(const new_stream& f) {
  const bool crowded = backlog_size_ >= options_.accept_backlog || short_of_memory();
  if (crowded) log(severity::debug, "sub-stream {} ({}) was refused for want of resources", f.id, f.target);
  if (crowded) return act_on(rules_.refuse(f.id, end_code::resources, turn_time_));
  const auto s = add_stream(f.id, f.target, f.priority);
  if (s->datagrams) s->datagrams->source = f.source;
  if (accepts_.empty()) {
    backlog_.push_back(*s);
    ++backlog_size_;
  } else {
    accepts_.pop_front().complete({}, sub_stream_access::make(s));
  }
  if (!f.data || (*f.data == 0 && s->net == network::tcp)) return;
  act_on(rules_.receive_data(*s, *f.data, turn_time_));
}

MUXPRO_DECL void session_impl::begin_data(stream_state& s, std::size_t size) {
  if (const auto sample = s.window.take_sample()) on_rtt_sample(s, *sample);
  const auto* const k = std::get_if<keep>(&decoder_.current());
  s.data_announced(size, k && k->addressed);
  if (k && s.datagrams) s.datagrams->arriving.address = decoder_.address_of_keep();
  data_for_ = &s;
  if (size == 0) handle_payload({});
}

MUXPRO_DECL void session_impl::handle_payload(const_bytes data) {
  if (!data_for_) return;
  stream_state& s = *data_for_;
  try {
    if (!s.deliver(data, decoder_.payload_left() == 0)) act_on(rules_.report_glitch(turn_time_));
  } catch (const std::bad_alloc&) {
    s.reset(end_code::resources);
  }
}

}  // namespace muxpro::detail
