// The proxy's rules with fixed amounts of work.
#pragma once

namespace bench {

/// 10,000 connections by 20,000 rules about names and 10,000 blocks of addresses: none of them is gone
/// through.
void count_routes();

}  // namespace bench
