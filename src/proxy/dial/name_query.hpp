// A question about a name to one server, or to those of this machine. Ring 4.
#pragma once

#include "proxy/names/name_answer.hpp"

#include <muxpro/options.hpp>

#include <functional>
#include <memory>
#include <utility>

namespace muxpro::proxy {

class name_query : public std::enable_shared_from_this<name_query> {
 public:
  /// Reports that a query has made progress. The receiver calls process() with the same numbers. Called on
  /// the executor, never inside a call of the query.
  using event = std::function<void(name_query&, int readable, int writable)>;

  explicit name_query(event happened) : happened_(std::move(happened)) {}
  name_query(const name_query&) = delete;
  virtual ~name_query() = default;

  /// Once.
  virtual void start() = 0;
  /// Descriptors, or -1.
  virtual void process(int readable, int writable) = 0;
  /// Ends it without an answer. Events that are under way may still come.
  virtual void close() noexcept = 0;
  /// In place of close() when the executor's context is being destroyed.
  virtual void context_destroyed() noexcept { close(); }

  /// Whether the answer is there.
  bool finished() const noexcept { return finished_; }
  name_answer take_answer() { return std::move(answer_); }
  duration ttl() const noexcept { return ttl_; }

 protected:
  void happened(int readable, int writable) { happened_(*this, readable, writable); }

  bool finished_ = false;
  name_answer answer_;
  duration ttl_{};

 private:
  const event happened_;
};

/// The families of addresses that a name is asked for.
struct name_families {
  bool ipv4 = true, ipv6 = true;
};

}  // namespace muxpro::proxy
