// One side of a session without I/O: a decoder, the protocol and a write queue, driven by steps as text or
// by bytes. It records as text its events and its answers.
#pragma once

#include "bytes.hpp"
#include "start.hpp"

#include <muxpro/detail/protocol.hpp>

#include <map>
#include <memory>
#include <set>
#include <sstream>

namespace rules_test {

using namespace muxpro;
using detail::protocol;
using detail::write_queue;
using std::chrono::milliseconds;
using wire_test::byte_string;

struct sub_rules : detail::stream_rules {
  using stream_rules::stream_rules;
};

inline std::string name(std::error_code e) {
  if (e == errc::unexpected_frame) return "unexpected_frame";
  if (e == errc::duplicate_id) return "duplicate_id";
  if (e == condition::budget_exceeded) return "budget_exceeded";
  if (e == errc::too_many_streams) return "too_many_streams";
  if (e == errc::draining) return "draining";
  if (e == errc::not_muxpro) return "not_muxpro";
  if (e == errc::no_common_version) return "no_common_version";
  return wire_test::name(e);
}

class endpoint {
 public:
  explicit endpoint(role r, dialect peer = dialect::spec, session_options o = {}, version v = version_0_1)
      : side(r), options(std::move(o)), rules(r, options, queue), decoder_(v) {
    rules.agreed(peer);
    decoder_.agreed(v, peer);
  }

  /// Executes a step and returns what came of it, "; " between events. "3* step" repeats.
  ///   frames of the peer: new ID [udp] [invalid] [+SIZE], keep ID [to] [+SIZE], end ID [CODE], credit ID N,
  ///                       keep_alive, negotiate
  ///   own deeds:          open [udp], finish ID, abort ID CODE, linger ID, refuse ID CODE, sent, drain,
  ///                       wait MILLISECONDS
  std::string run(const std::string& step) {
    std::istringstream words(step);
    std::size_t times = 1;
    if (const auto star = step.find("* "); star != std::string::npos) {
      times = std::stoul(step);
      words.seekg(static_cast<std::streamoff>(star + 2));
    }
    std::string rest;
    std::getline(words, rest);
    for (std::size_t i = 0; i < times && !failed; ++i) run_once(rest);
    return take_log();
  }

  /// The bytes of a peer. A client opens by itself what a New names.
  std::string feed(const_bytes in) {
    take(in);
    return take_log();
  }

  bool at_boundary() const noexcept { return decoder_.at_boundary(); }
  sub_rules* find(stream_id id) { return subs_.count(id) ? subs_.at(id).get() : nullptr; }
  std::uint64_t glitches() const {
    session_stats seen;
    rules.report(seen);
    return seen.glitches;
  }

  const role side;
  const session_options options;
  time_point now = start;
  write_queue queue;
  protocol rules;
  bool failed = false;
  bool negotiated = true;            ///< false: the first frame must be a NegotiateVersion
  bool peer_reads = true;            ///< false: control frames stay in the queue
  bool refuses_all = false;          ///< every New gets an End(5)
  std::set<stream_id> ends_at_once;  ///< finished as soon as opened

 private:
  void log(const std::string& what) { log_ += (log_.empty() ? "" : "; ") + what; }
  std::string take_log() { return std::exchange(log_, {}); }

  static stream_id id_from(std::istringstream& in) {
    unsigned id = 0;
    in >> id;
    return static_cast<stream_id>(id);
  }
  static end_code code_from(std::istringstream& in) {
    unsigned code = 0;
    in >> code;
    return static_cast<end_code>(code);
  }

  void run_once(const std::string& step) {
    std::istringstream in(step);
    std::string verb;
    in >> verb;
    if (verb == "new") return receive_new(in);
    if (verb == "keep") return receive_keep(in);
    if (verb == "end") return receive(muxpro::end{id_from(in), code_from(in)});
    if (verb == "credit") return receive_credit(in);
    if (verb == "keep_alive") return receive(keep_alive{0xbeef});
    if (verb == "negotiate") return receive(negotiate_version{dialect::spec, {version_0_0}});
    act_alone(verb, in);
    answers();
  }

  void receive_new(std::istringstream& in) {
    new_stream f;
    f.id = id_from(in);
    f.target = destination(network::tcp, "127.0.0.1", 7007);
    for (std::string w; in >> w;) {
      if (w == "udp") f.target.net = network::udp;
      if (w == "invalid") f.target.host = "no host";
      if (w[0] == '+') f.data = static_cast<std::uint16_t>(std::stoul(w));
    }
    receive(f, f.data.value_or(0));
  }
  void receive_keep(std::istringstream& in) {
    keep f;
    f.id = id_from(in);
    for (std::string w; in >> w;) {
      if (w == "to") f.addressed = true;
      if (w[0] == '+') f.data = static_cast<std::uint16_t>(std::stoul(w));
    }
    receive(f, f.data.value_or(0));
  }
  void receive_credit(std::istringstream& in) {
    const stream_id id = id_from(in);
    std::uint32_t n = 0;
    in >> n;
    receive(credit_update{id, n});
  }
  void receive(const frame& f, std::size_t payload = 0) {
    take(encoded(f, byte_string(payload), rules.peer_dialect()), false);
  }

  void act_alone(const std::string& verb, std::istringstream& in) {
    if (verb == "wait") {
      long ms = 0;
      in >> ms;
      now += milliseconds(ms);
      rules.expire(now);
    } else if (verb == "open") {
      std::string net;
      in >> net;
      open(net == "udp" ? network::udp : network::tcp);
    } else if (verb == "drain") {
      rules.drain();
    } else if (verb == "sent") {
      rules.data_frame_sent();
    } else if (verb == "refuse") {
      const stream_id id = id_from(in);
      show(rules.refuse(id, code_from(in), now));
    } else {
      const stream_id id = id_from(in);
      sub_rules* const s = find(id);
      if (!s) return log("no stream");
      if (verb == "finish")
        rules.finish(*s);
      else if (verb == "linger")
        rules.send_held_end(*s);
      else if (verb == "abort")
        rules.abort(*s, code_from(in));
      else
        throw std::invalid_argument(verb);
      release_if_over(*s);
    }
  }

  void open(network net) {
    stream_id id = 0;
    if (const auto error = rules.allocate_id(id)) return log("failed " + name(error));
    add(id, net);
  }
  void add(stream_id id, network net) {
    auto sub = std::make_unique<sub_rules>(id, net, std::uint8_t{0}, now, rules.wire().window);
    const auto [it, fresh] = subs_.emplace(id, std::move(sub));
    if (!fresh) throw std::logic_error("opened twice");
    rules.insert(*it->second);
    ++rules.in_use;
    log(fmt::format("opened {}", id));
  }

  void take(const_bytes in, bool client_opens = true) {
    while (!in.empty() && !failed) {
      const decoder::step s = decoder_.next(in);
      in = in.subspan(s.consumed);
      if (s.what == decoder::status::error) return fail(s.error);
      if (s.what != decoder::status::header) continue;
      const frame f = decoder_.current();
      const auto* const n = std::get_if<new_stream>(&f);
      if (n && negotiated && client_opens && side == role::client)
        add(n->id, n->target.net);
      else
        react(f);
    }
  }

  void negotiate(const frame& f) {
    const auto* const offer = std::get_if<negotiate_version>(&f);
    if (!offer) return fail(errc::not_muxpro);
    const auto best = detail::choose_version(offer->versions, options.versions);
    if (!best) return fail(errc::no_common_version);
    decoder_.agreed(*best);
    rules.agreed(offer->layout);
    negotiated = true;
    log("> " + wire_test::text(negotiate_version{offer->layout, {*best}}));
  }

  void react(const frame& f) {
    if (!negotiated) return negotiate(f);
    const std::uint64_t odd = glitches();
    const protocol::event e = rules.receive(f, now);
    if (e.what == protocol::event_type::opened)
      opened(std::get<new_stream>(f), e);
    else
      show(e);
    if (failed) return;
    if (glitches() != odd) log("odd");
    answers();
  }

  void opened(const new_stream& f, const protocol::event& e) {
    if (refuses_all) return show(rules.refuse(f.id, end_code::unreachable, now));
    add(f.id, f.target.net);
    sub_rules& s = *find(f.id);
    if (e.amount > 0) show(rules.receive_data(s, e.amount, now));
    if (!ends_at_once.count(f.id)) return;
    rules.finish(s);
    release_if_over(s);
  }

  void show(const protocol::event& e) {
    const unsigned id = e.stream ? e.stream->id : 0;
    switch (e.what) {
      case protocol::event_type::nothing: break;
      case protocol::event_type::failed: return fail(e.error);
      case protocol::event_type::opened: break;
      case protocol::event_type::data: log(fmt::format("data {} {}", id, e.amount)); break;
      case protocol::event_type::full: log(fmt::format("full {} {}", id, e.amount)); break;
      case protocol::event_type::dropped: log(fmt::format("dropped {} {}", id, e.amount)); break;
      case protocol::event_type::credit: log(fmt::format("credit {} {}", id, e.amount)); break;
      case protocol::event_type::ended: log(fmt::format("ended {}", id)); break;
      case protocol::event_type::closed: log(fmt::format("closed {}", id)); break;
      case protocol::event_type::aborted:
        log(fmt::format("aborted {} code {}", id, static_cast<unsigned>(e.code)));
        break;
      case protocol::event_type::violated: log(fmt::format("violated {}", id)); break;
    }
    if (e.stream) release_if_over(static_cast<sub_rules&>(*e.stream));
  }

  void fail(std::error_code why) {
    failed = true;
    log("failed " + name(why));
  }

  void release_if_over(sub_rules& s) {
    if (!s.finished()) return;
    rules.release(s, now);
    --rules.in_use;
    subs_.erase(s.id);
  }

  void answers() {
    if (!peer_reads || failed) return;
    byte_string sent;
    queue.take_control(sent);
    decoder answers;
    answers.agreed(version_0_1, rules.peer_dialect());
    for (const auto& i : wire_test::read_whole(sent, std::move(answers)).items)
      log("> " + wire_test::text(i.head));
  }

  decoder decoder_;
  std::map<stream_id, std::unique_ptr<sub_rules>> subs_;
  std::string log_;
};

struct line {
  const char* step;
  const char* outcome;
};

}  // namespace rules_test
