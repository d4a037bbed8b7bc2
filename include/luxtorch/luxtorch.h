// luxtorch: the functional layer of Lux.jl for C++, on LibTorch. Everything, for user programs:
//
//     #include <luxtorch/luxtorch.h>
//     namespace lux = luxtorch;
//
// No using directive: lux::tanh and ::tanh, lux::tuple and std::tuple would be ambiguous. Level 7: the library's own
// sources never include it.
#pragma once

#include "luxtorch/compact.h"
#include "luxtorch/core/device.h"
#include "luxtorch/core/error.h"
#include "luxtorch/core/operators.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/core/types.h"
#include "luxtorch/data/dataloader.h"
#include "luxtorch/data/dataset.h"
#include "luxtorch/data/sample.h"
#include "luxtorch/data/text.h"
#include "luxtorch/data/toy.h"
#include "luxtorch/init.h"
#include "luxtorch/interop/torch_module.h"
#include "luxtorch/io/jld2.h"
#include "luxtorch/layer.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/dropout.h"
#include "luxtorch/layers/embedding.h"
#include "luxtorch/layers/function.h"
#include "luxtorch/layers/norm.h"
#include "luxtorch/layers/parallel.h"
#include "luxtorch/layers/recurrent.h"
#include "luxtorch/layers/reshape.h"
#include "luxtorch/layers/sequence.h"
#include "luxtorch/layers/stateful.h"
#include "luxtorch/ops/activation.h"
#include "luxtorch/rng.h"
#include "luxtorch/train/freeze.h"
#include "luxtorch/train/grad.h"
#include "luxtorch/train/loss.h"
#include "luxtorch/train/optim.h"
#include "luxtorch/train/progress.h"
#include "luxtorch/train/schedule.h"
#include "luxtorch/train/scheduler.h"
#include "luxtorch/train/train_state.h"
#include "luxtorch/tree.h"
#include "luxtorch/version.h"
