// The addresses of this machine.
#pragma once

#include <cstdint>
#include <string>

namespace luxtorch::distributed {

/// The address by which this machine reaches the host, as a number; "" if it cannot. The routing table is asked, and
/// nothing is sent.
std::string address_towards(const std::string& host, uint16_t port);

}  // namespace luxtorch::distributed
