// placeholder
#pragma once
#include "world.hpp"
namespace simulation { class raw_peer { public: void leave() {} }; }
