// result_op, open_op, accept_op, drain_op: the operations of a session that wait for its loops.
#pragma once

#include <muxpro/detail/intrusive_list.hpp>
#include <muxpro/detail/pending_op.hpp>
#include <muxpro/open_request.hpp>

#include <utility>

namespace muxpro {

class sub_stream;

namespace detail {

using result_op = pending_op<error_code>;
struct open_op : pending_op<error_code, sub_stream>, list_node<> {
  explicit open_op(open_request r) : request(std::move(r)) {}
  open_request request;
};
struct accept_op : pending_op<error_code, sub_stream>, list_node<> {};
struct drain_op : pending_op<error_code>, list_node<> {};

}  // namespace detail
}  // namespace muxpro
