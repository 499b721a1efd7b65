// A whole run: hosts and links in one of several shapes, conversations across them, faults, and the end.
#pragma once

#include "courier.hpp"
#include "host.hpp"
#include "party.hpp"
#include "plan.hpp"

#include <muxpro/client_pool.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace simulation {

class raw_peer;

/// What a main connection of the pool has shown of its client's session.
struct pooled_link {
  std::shared_ptr<link> wire;
  std::shared_ptr<wire_rules> rules;
  std::optional<duration> paused_since;
  /// Sub-streams that were opened until it paused. No more come.
  std::optional<std::uint64_t> opened_then;
};

class scene {
 public:
  scene(world& w, plan p);
  ~scene();

  /// Runs it to its end. The world records failures.
  void play();

 private:
  struct talk {
    std::shared_ptr<conversation> what;
    std::shared_ptr<party> near, far;
    muxpro::open_request request;
    std::uint64_t first = 0;
  };

  struct exchange {
    std::shared_ptr<courier> near, far;
    muxpro::open_request request;
  };

  void build();
  void build_pool();
  asio::awaitable<link_end> dial();
  void add_raw_peers();
  void add_reuser();
  void add_vandal();
  std::shared_ptr<conversation> new_conversation(std::uint64_t tag);
  void add_talk(std::uint64_t tag);
  void add_exchange(std::uint64_t tag);
  void open(exchange& e);
  void exchange_arrived(std::uint64_t tag, muxpro::sub_stream s);
  void open_anyhow(const muxpro::open_request& request, std::uint64_t tag,
                   std::function<void(error_code, muxpro::sub_stream)> done);
  void open(talk& t);
  void opened(talk& t, error_code ec, muxpro::sub_stream s);
  void arrived(muxpro::sub_stream s);
  void relay_on(muxpro::sub_stream s);
  std::shared_ptr<link> new_link(std::size_t least_per_operation = 1);
  std::shared_ptr<host> new_host(const std::shared_ptr<link>& l, int side, muxpro::role r);
  std::shared_ptr<host> new_server(const std::shared_ptr<link>& l);
  void break_later(const std::shared_ptr<link>& l);

  void check();
  void check_at_rest();
  void watch_pooled(const std::shared_ptr<link>& l);
  void check_flow(const talk& t, bool at_rest);
  void check_pooled(pooled_link& p);
  void check_exchanges();
  bool talks_done() const;
  bool all_over() const;
  void leave();
  void check_results();
  void explain(const char* what);

  world& world_;
  plan plan_;
  dice random_;
  std::shared_ptr<bool> road_broken_ = std::make_shared<bool>(false);
  std::shared_ptr<bool> held_up_ = std::make_shared<bool>(false);
  std::vector<std::shared_ptr<link>> links_;
  std::vector<std::shared_ptr<host>> hosts_;
  std::vector<std::shared_ptr<raw_peer>> raw_peers_;
  std::shared_ptr<host> client_, onward_;
  muxpro::client_pool pool_;
  bool has_pool_ = false, leaving_ = false, dials_fail_ = false;
  std::vector<std::unique_ptr<talk>> talks_;
  std::vector<std::unique_ptr<exchange>> exchanges_;
  std::vector<pooled_link> pooled_;
  static constexpr std::uint64_t first_reused = 1000, first_stranger = 2000, first_datagrams = 3000,
                                 first_pooled = 4000;
  std::vector<std::shared_ptr<party>> reused_, strangers_;
  std::size_t relays_ = 0;
};

}  // namespace simulation
