// A stream around any stream that is short, slow, late or broken as its fault_options describe.
#pragma once

#include <muxpro/detail/context_service.hpp>
#include <muxpro/testing/fault.hpp>

#include <asio/compose.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace muxpro::testing {

namespace faulty_detail {

/// Shared by the stream and its operations, so that neither the end of the stream nor a move disturbs them.
template <class Next>
struct state {
  state(Next n, std::shared_ptr<fault> f) : next(std::move(n)), faults(std::move(f)) {}
  Next next;
  std::shared_ptr<fault> faults;
  bool closed = false;
  std::array<detail::context_timer*, 2> late{};  ///< operations that wait for their time
};

template <class Next>
struct late_start {
  late_start(std::shared_ptr<state<Next>> s, fault::direction d)
      : timer(s->next.get_executor()), shared(std::move(s)), place(static_cast<std::size_t>(d)) {
    shared->late[place] = &timer;
  }
  ~late_start() { shared->late[place] = nullptr; }
  late_start(const late_start&) = delete;
  late_start& operator=(const late_start&) = delete;

  detail::context_timer timer;
  std::shared_ptr<state<Next>> shared;
  std::size_t place;
};

template <class Buffer, class Sequence>
std::vector<Buffer> limited(const Sequence& buffers, std::size_t most) {
  std::vector<Buffer> out;
  const auto end = asio::buffer_sequence_end(buffers);
  for (auto next = asio::buffer_sequence_begin(buffers); next != end && most != 0; ++next) {
    out.push_back(asio::buffer(Buffer(*next), most));
    most -= out.back().size();
  }
  return out;
}

template <class Next, fault::direction D, class Sequence>
class transfer_op {
 public:
  transfer_op(std::shared_ptr<state<Next>> s, const Sequence& buffers)
      : shared_(std::move(s)), buffers_(buffers) {}

  template <class Self>
  void operator()(Self& self, error_code error = {}, std::size_t transferred = 0) {
    switch (stage_) {
      case stage::start: return begin(self);
      case stage::late: return waited(self);
      case stage::failed: return self.complete(verdict_.error, 0);
      case stage::transferring: break;
    }
    shared_->faults->after(D, now(), transferred);
    self.complete(error, transferred);
  }

 private:
  enum class stage { start, late, failed, transferring };
  using buffer_type =
      std::conditional_t<D == fault::direction::read, asio::mutable_buffer, asio::const_buffer>;

  detail::clock::time_point now() const { return detail::service_of(shared_->next.get_executor()).now(); }

  template <class Self>
  void begin(Self& self) {
    self.reset_cancellation_state(asio::enable_total_cancellation());
    if (asio::buffer_size(buffers_) == 0 || shared_->closed) return transfer(self);
    verdict_ = shared_->faults->before(D, now());
    if (verdict_.start <= now()) return proceed(self);
    late_ = std::make_unique<late_start<Next>>(shared_, D);
    wait(self);
  }

  template <class Self>
  void wait(Self& self) {
    stage_ = stage::late;
    auto& timer = late_->timer;
    const auto when = verdict_.start;
    timer.async_wait_until(when, std::move(self));
  }

  template <class Self>
  void waited(Self& self) {
    const bool cancelled = self.get_cancellation_state().cancelled() != asio::cancellation_type::none;
    if (!cancelled && !shared_->closed && now() < verdict_.start) return wait(self);
    late_.reset();
    if (cancelled || shared_->closed) return self.complete(asio::error::operation_aborted, 0);
    proceed(self);
  }

  template <class Self>
  void proceed(Self& self) {
    if (!verdict_.error) return transfer(self);
    if (std::exchange(stage_, stage::failed) == stage::late) return self.complete(verdict_.error, 0);
    const auto executor = shared_->next.get_executor();
    asio::post(executor, std::move(self));
  }

  template <class Self>
  void transfer(Self& self) {
    stage_ = stage::transferring;
    auto& next = shared_->next;
    const auto buffers = limited<buffer_type>(buffers_, verdict_.most);
    if constexpr (D == fault::direction::read) {
      next.async_read_some(buffers, std::move(self));
    } else {
      next.async_write_some(buffers, std::move(self));
    }
  }

  std::shared_ptr<state<Next>> shared_;
  Sequence buffers_;
  stage stage_ = stage::start;
  fault::verdict verdict_;
  std::unique_ptr<late_start<Next>> late_;
};

}  // namespace faulty_detail

/// AsyncReadStream and AsyncWriteStream. With no option set it does what `Next` does. Delays and rates follow
/// the context's clock, so that a manual_clock drives them. Per-operation cancellation is that of `Next`.
/// An operation that has not begun yet ends with operation_aborted for any type.
/// `Next` is closed by its lowest_layer().close().
template <class Next>
class faulty_stream {
 public:
  using next_layer_type = Next;
  using lowest_layer_type = std::remove_reference_t<decltype(std::declval<Next&>().lowest_layer())>;
  using executor_type = typename Next::executor_type;

  explicit faulty_stream(Next next, fault_options options = {})
      : faulty_stream(std::move(next), std::make_shared<fault>(std::move(options))) {}
  faulty_stream(Next next, std::shared_ptr<fault> faults)
      : state_(std::make_shared<state>(std::move(next), std::move(faults))) {}
  faulty_stream(faulty_stream&&) noexcept = default;
  faulty_stream& operator=(faulty_stream&& other) noexcept {
    faulty_stream old(std::move(*this));
    state_ = std::move(other.state_);
    return *this;
  }
  ~faulty_stream() { close(); }

  executor_type get_executor() noexcept { return state_->next.get_executor(); }
  next_layer_type& next_layer() noexcept { return state_->next; }
  lowest_layer_type& lowest_layer() noexcept { return state_->next.lowest_layer(); }
  /// The options may be changed at any time. They hold from the next operation on.
  fault& faults() noexcept { return *state_->faults; }

  /// Signature: void(error_code, std::size_t). As `Next`, but for the faults.
  template <class MutableBuffers, class Token = asio::use_awaitable_t<>>
  auto async_read_some(const MutableBuffers& buffers, Token&& token = {}) {
    return start<fault::direction::read>(buffers, std::forward<Token>(token));
  }

  /// Signature: void(error_code, std::size_t). As `Next`, but for the faults.
  template <class ConstBuffers, class Token = asio::use_awaitable_t<>>
  auto async_write_some(const ConstBuffers& buffers, Token&& token = {}) {
    return start<fault::direction::write>(buffers, std::forward<Token>(token));
  }

  /// As that of `Next`, if it has one. Not counted, never fails by a fault.
  template <class Token = asio::use_awaitable_t<>>
  requires requires(Next& n, Token&& t) { n.async_shutdown(std::forward<Token>(t)); }
  auto async_shutdown(Token&& token = {}) { return state_->next.async_shutdown(std::forward<Token>(token)); }

  /// Pending operations end with operation_aborted.
  void close() noexcept {
    if (!state_) return;
    state_->closed = true;
    for (detail::context_timer* late : state_->late) {
      if (late) late->cancel();
    }
    if constexpr (requires(error_code & ignored) { lowest_layer().close(ignored); }) {
      error_code ignored;
      lowest_layer().close(ignored);
    } else {
      lowest_layer().close();
    }
  }

 private:
  using state = faulty_detail::state<Next>;

  template <fault::direction D, class Buffers, class Token>
  auto start(const Buffers& buffers, Token&& token) {
    return asio::async_compose<Token, void(error_code, std::size_t)>(
        faulty_detail::transfer_op<Next, D, Buffers>(state_, buffers), token, state_->next);
  }

  std::shared_ptr<state> state_;
};

}  // namespace muxpro::testing
