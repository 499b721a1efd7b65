// muxpro: Mux.Pro sessions over any Asio stream. Everything of rings 0 to 3.
#pragma once

#include <muxpro/asio_address.hpp>
#include <muxpro/client_pool.hpp>
#include <muxpro/codec.hpp>
#include <muxpro/destination.hpp>
#include <muxpro/error.hpp>
#include <muxpro/one_shot.hpp>
#include <muxpro/options.hpp>
#include <muxpro/pipe.hpp>
#include <muxpro/plain_socket.hpp>
#include <muxpro/relay.hpp>
#include <muxpro/semaphore.hpp>
#include <muxpro/session.hpp>
#include <muxpro/stats.hpp>
#include <muxpro/sub_datagram.hpp>
#include <muxpro/sub_stream.hpp>
#include <muxpro/timer.hpp>
