// A peer that is no session of the library: it sends frames over a link, honestly or not.
#pragma once

#include "link.hpp"
#include "wire_rules.hpp"
#include "world.hpp"

#include <muxpro/codec.hpp>
#include <muxpro/options.hpp>

#include <cstdint>
#include <memory>
#include <vector>

namespace simulation {

class raw_peer : public std::enable_shared_from_this<raw_peer> {
 public:
  raw_peer(world& w, std::uint64_t name, std::shared_ptr<link> l, muxpro::role side,
           muxpro::dialect speaks = muxpro::dialect::spec);
  virtual ~raw_peer() = default;

  void start();
  /// Closes its end.
  void leave();
  /// Has nothing more to do.
  virtual bool done() const = 0;

 protected:
  /// The version is agreed.
  virtual void ready() = 0;
  virtual void got_frame(const muxpro::frame& f, std::size_t payload) = 0;
  virtual void got_payload(const_bytes data) = 0;
  virtual void lost() = 0;

  template <class Frame>
  void send(const Frame& f, const_bytes payload = {}) {
    const memory::exempt no_failures;
    send_bytes(muxpro::encoded(f, payload, speaks_));
  }
  void send_bytes(const std::vector<std::byte>& data);
  /// Calls `what` after a while, unless it has left by then.
  template <class Peer>
  void later(duration delay, void (Peer::*what)()) {
    world_.after(delay, [self = std::static_pointer_cast<Peer>(shared_from_this()), what] {
      if (!self->left_) (self.get()->*what)();
    });
  }
  /// Reads nothing from now on, or again.
  void read(bool on);

  world& world_;
  const std::uint64_t name_;
  const muxpro::role side_;
  const muxpro::dialect speaks_;
  dice random_;
  bool left_ = false;

 private:
  void read_next();
  void take(const_bytes data);
  void negotiate(const muxpro::negotiate_version& f);
  void write_next();

  link_end wire_;
  muxpro::decoder in_;
  std::vector<std::byte> room_, queued_, in_flight_;
  std::size_t sent_ = 0;
  bool reading_ = false, read_off_ = false, writing_ = false, ready_ = false, broken_ = false;
};

/// Uses few ids, each again as soon as both Ends have passed, and keeps to every rule.
class id_reuser final : public raw_peer {
 public:
  /// Tags from `first_tag` on, `rounds` of them.
  id_reuser(world& w, std::uint64_t name, std::shared_ptr<link> l, std::uint64_t first_tag,
            std::uint64_t rounds);
  bool done() const override;

 private:
  struct line {
    std::uint64_t tag = 0;  ///< 0: the id is free
    bool ended = true, peer_ended = true, aborted = false;
    std::uint64_t to_send = 0, sent = 0, allowed = 0, received = 0, granted = 0;
  };
  static constexpr std::size_t ids = 3;

  void ready() override { act(); }
  void got_frame(const muxpro::frame& f, std::size_t payload) override;
  void got_payload(const_bytes data) override;
  void lost() override { lost_ = true; }
  void act();
  void open(stream_id id);
  void go_on(stream_id id);
  void settle(stream_id id);
  line& at(stream_id id);

  line lines_[ids + 1];
  stream_id current_ = 0;
  std::uint64_t next_tag_, last_tag_;
  bool lost_ = false;
};

/// Keeps to no rule.
class vandal final : public raw_peer {
 public:
  vandal(world& w, std::uint64_t name, std::shared_ptr<link> l, muxpro::role side, muxpro::dialect speaks);
  bool done() const override { return left_ || left_to_do_ == 0; }

 private:
  void ready() override { act(); }
  void got_frame(const muxpro::frame&, std::size_t) override {}
  void got_payload(const_bytes) override {}
  void lost() override { left_ = true; }
  void act();
  void send_something();
  std::vector<std::byte> something(stream_id id, const std::vector<std::byte>& data);
  std::vector<std::byte> addressed(const muxpro::keep& f, const std::vector<std::byte>& data);
  std::vector<std::byte> bytes(std::size_t n);

  std::uint64_t left_to_do_;
  unsigned nonsense_percent_;
  duration pause_;
  stream_id ids_;
};

}  // namespace simulation
