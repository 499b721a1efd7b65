#pragma once

#include <muxpro/detail/initiation.hpp>
#include <muxpro/impl/relay_copy.hpp>
#include <muxpro/impl/relay_flow.hpp>

#include <cstddef>
#include <memory>
#include <utility>

namespace muxpro::detail {

template <class From, class To>
loop relay_from(const std::shared_ptr<relay_state>& s, relay_side side, From& from, To& to, bool ended) {
  if constexpr (flows<From, To>)
    return flow_from(s, side, from, to, ended);
  else
    return copy_from(s, side, from, to, ended);
}

template <class From, class To>
loop first_from(const std::shared_ptr<relay_state>& s, relay_side side, From& from, To& to,
                std::unique_ptr<relay_beginning> beginning) {
  if (beginning) return begin_from(s, side, from, to, std::move(beginning));
  return relay_from(s, side, from, to, false);
}
/// Compiled once, as relay_from().
loop first_from(const std::shared_ptr<relay_state>& s, relay_side side, any_stream& from, any_stream& to,
                std::unique_ptr<relay_beginning> beginning);

template <class Stream>
bool is_over_socket(const Stream&) noexcept {
  return over_socket<Stream>();
}
inline bool is_over_socket(const any_stream& s) noexcept { return s.over_socket(); }

template <class A, class B>
class relay_over final : public relay_state {
 public:
  relay_over(A& a, B& b, const relay_options& options)
      : relay_state(a.get_executor(), options), a_(a), b_(b) {}

 private:
  void end(relay_side s, stream_ending how, end_code code) noexcept override {
    s == relay_side::a ? end_stream(a_, how, code) : end_stream(b_, how, code);
  }
  std::size_t undelivered(relay_side s) noexcept override {
    return s == relay_side::a ? detail::undelivered(a_) : detail::undelivered(b_);
  }
  bool lingers(relay_side s) const noexcept override {
    return s == relay_side::a ? is_over_socket(a_) : is_over_socket(b_);
  }
  loop dropping(relay_side from) override {
    if (from == relay_side::a) return drop_from(shared_from_this(), from, a_);
    return drop_from(shared_from_this(), from, b_);
  }

  A& a_;
  B& b_;
};

template <class A, class B>
struct initiate_relay {
  A* a;
  B* b;

  using executor_type = asio::any_io_executor;
  executor_type get_executor() const noexcept {
    return is_usable(*a) ? executor_type(a->get_executor()) : executor_of_none();
  }
  template <class Handler>
  void operator()(Handler&& handler, relay_options options) const {
    if (!is_usable(*a) || !is_usable(*b)) return refuse<relay_result>(std::forward<Handler>(handler));
    const asio::any_io_executor executor = a->get_executor();
    if (!options.validate().empty()) {
      post_completion(std::forward<Handler>(handler), executor, make_error_code(errc::bad_option),
                      relay_result());
      return;
    }
    const auto s = std::make_shared<relay_over<A, B>>(*a, *b, options);
    auto beginning_of = [&options](relay_side side) { return relay_state::take_beginning(options, side); };
    loop from_a = first_from(s, relay_side::a, *a, *b, beginning_of(relay_side::a));
    loop from_b = first_from(s, relay_side::b, *b, *a, beginning_of(relay_side::b));
    const auto cancel = cancel_by<&relay_state::cancel>(static_cast<relay_state*>(s.get()));
    relay_op* const op = make_pending_op<relay_op>(std::forward<Handler>(handler), executor, cancel);
    s->start(op, std::move(from_a), std::move(from_b));
  }
};

}  // namespace muxpro::detail

#if !defined(MUXPRO_SEPARATE_COMPILATION)
#include <muxpro/impl/relay_erased.ipp>
#endif
