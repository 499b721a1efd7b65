// The bodies of the compiled flavour, included once by src/muxpro.cpp.
#pragma once

#include <muxpro/impl/buffer_budget.ipp>
#include <muxpro/impl/client_pool.ipp>
#include <muxpro/impl/client_pool_options.ipp>
#include <muxpro/impl/codec.ipp>
#include <muxpro/impl/context_service.ipp>
#include <muxpro/impl/destination.ipp>
#include <muxpro/impl/encode.ipp>
#include <muxpro/impl/error.ipp>
#include <muxpro/impl/options.ipp>
#include <muxpro/impl/outbox.ipp>
#include <muxpro/impl/pipe.ipp>
#include <muxpro/impl/pool_policy.ipp>
#include <muxpro/impl/protocol.ipp>
#include <muxpro/impl/relay_options.ipp>
#include <muxpro/impl/relay_state.ipp>
#include <muxpro/impl/session_budget.ipp>
#include <muxpro/impl/session_impl.ipp>
#include <muxpro/impl/session_read.ipp>
#include <muxpro/impl/session_watch.ipp>
#include <muxpro/impl/session_write.ipp>
#include <muxpro/impl/stream_datagrams.ipp>
#include <muxpro/impl/stream_ends.ipp>
#include <muxpro/impl/stream_state.ipp>
#include <muxpro/impl/sub_stream.ipp>
