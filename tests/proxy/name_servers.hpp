// A resolver with servers of a configuration, which it asks through a dispatcher with freedom alone.
#pragma once

#include "catch.hpp"
#include "doh_server.hpp"
#include "support.hpp"

#include "proxy/base/own_query.hpp"
#include "proxy/dial/resolver.hpp"
#include "proxy/outbound/freedom.hpp"
#include "proxy/udp/udp_nat.hpp"

#include <muxpro/proxy/dispatcher.hpp>

#include <fmt/format.h>

#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace name_servers_test {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace std::chrono_literals;
using asio::ip::make_address;
using addresses = resolver::addresses;

struct reply {
  bool there = false;
  std::error_code error;
  addresses found;
};

struct asked {
  std::shared_ptr<reply> answer;
  std::unique_ptr<resolver::look_up> query;
};

/// A server, a resolver that asks it, and a dispatcher with freedom alone.
struct fixture {
  explicit fixture(std::string_view hosts = "") : files(server.port(), hosts) {
    files.sources.authority = tls_test::known().ca.certificate_file;
    names = std::make_unique<resolver>(files.sources);
    policy.allow_private(true);
  }
  dns_server_options server_at(const std::string& text) {
    dns_server_options s;
    REQUIRE(read_dns_server_address(text, s));
    s.family = name_family::ipv4;
    return s;
  }
  dns_server_options by_udp() { return server_at(fmt::format("udp://127.0.0.1:{}", server.port())); }
  void use(std::vector<dns_server_options> servers, dns_options o = {}) {
    o.servers = std::move(servers);
    o.family = name_family::both;
    geo_files none;
    names->use(std::make_shared<const name_rules>(o, none));
  }
  /// Queries go through a dispatcher.
  void open_door() {
    nat = std::make_unique<udp_nat>(nat_limits(), dial_options(), *names, policy);
    door = std::make_unique<dispatcher>(io->get_executor());
    door->add("out", std::make_shared<freedom>(*names, policy, dial_options(), relay_options(), nat.get()));
    door->announce_by([this](const context& ctx) { announced.push_back(ctx); });
    names->send_by(*door);
  }
  asked ask(std::string_view name) {
    asked a;
    a.answer = std::make_shared<reply>();
    auto done = [r = a.answer](std::error_code ec, addresses found) { *r = {true, ec, std::move(found)}; };
    a.query = std::make_unique<resolver::look_up>(
        names->resolve(name, "a", io->get_executor(), {}, std::move(done)));
    return a;
  }
  reply& wait(const asked& a) {
    const auto end = std::chrono::steady_clock::now() + 20s;
    while (!a.answer->there && std::chrono::steady_clock::now() < end) run_for(20ms);
    REQUIRE(a.answer->there);
    return *a.answer;
  }
  reply resolve(std::string_view name) {
    const asked a = ask(name);
    return wait(a);
  }
  void run_for(std::chrono::nanoseconds d) {
    io->restart();
    io->run_for(d);
  }

  /// Runs until `holds`, for some seconds at most.
  template <class Condition>
  bool until(Condition holds) {
    for (int i = 0; i < 250 && !holds(); ++i) {
      run_for(std::chrono::milliseconds(20));
      std::this_thread::sleep_for(std::chrono::milliseconds(5));  // without work run_for() returns at once
    }
    return holds();
  }

  test::dns_server server;
  test::name_files files;
  dial_policy policy;
  std::vector<context> announced;
  std::unique_ptr<resolver> names;
  std::unique_ptr<udp_nat> nat;
  std::unique_ptr<asio::io_context> io = std::make_unique<asio::io_context>();
  std::unique_ptr<dispatcher> door;
};

inline const auto one = make_address("192.0.2.1"), two = make_address("192.0.2.2"),
                  six = make_address("2001:db8::1");

}  // namespace name_servers_test
