// A search for the addresses of one name, which asks its servers one after the other, or all at once. Ring 4.
#pragma once

#include "proxy/dial/name_query.hpp"
#include "proxy/dial/shared_names.hpp"

#include <asio/any_io_executor.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace muxpro::proxy {

class name_search : public std::enable_shared_from_this<name_search> {
 public:
  /// As name_query::event.
  using event = std::function<void(name_search&, name_query&, int readable, int writable)>;

  name_search(std::shared_ptr<shared_names> known, std::string name, asio::any_io_executor executor,
              event happened);
  name_search(const name_search&) = delete;

  /// Once.
  void start();
  void process(name_query& q, int readable, int writable);
  /// Ends it without an answer.
  void close() noexcept;
  void context_destroyed() noexcept;

  const std::string& name() const noexcept { return name_; }
  bool finished() const noexcept { return finished_; }
  name_answer take_answer() { return std::move(answer_); }
  duration ttl() const noexcept { return ttl_; }
  /// Returns the server whose answer it is, or name_rules::system_server if no server has an address.
  std::size_t server() const noexcept { return server_; }

 private:
  struct turn {
    std::size_t server;
    std::shared_ptr<name_query> query{};  ///< null if not asked
    bool ended = false;
    name_answer answer{};
    duration ttl{};
  };
  void ask(turn& t);
  std::shared_ptr<name_query> make_query(std::size_t server);
  void record(turn& t);
  void finish_if_decided();
  bool finish_group_if_decided(std::size_t first, std::size_t last);
  std::size_t end_of_group(std::size_t first) const;
  void finish(turn* best);

  const std::shared_ptr<shared_names> known_;
  const std::string name_;
  const asio::any_io_executor executor_;
  const event happened_;
  std::vector<turn> turns_;
  bool finished_ = false;
  name_answer answer_;
  duration ttl_{};
  std::size_t server_;
};

}  // namespace muxpro::proxy
