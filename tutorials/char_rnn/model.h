// The model: a character-level RNN that carries what it has seen from call to call.
//
// tokens (batch, time) -> logits (batch, time, symbols). The carries of both recurrent layers lie in the states: a call
// starts from what the call before left there, without its graph. That is truncated back-propagation. The reference
// starts every sequence from nothing instead, also when it writes, where each sequence is one symbol: it then knows no
// more than the symbol before.
#pragma once

#include <luxtorch/layer.h>

#include "options.h"

luxtorch::Layer make_model(const Options& o, int64_t symbols);

/// The states at the start of a text.
luxtorch::Tree at_start(const luxtorch::Tree& st);
