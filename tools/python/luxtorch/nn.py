"""LSTM, GRU and RNN in the place of torch.nn's: the same modules, run by luxtorch's kernels.

    from luxtorch.nn import LSTM                # instead of: from torch.nn import LSTM

    lstm = LSTM(68, 128, num_layers=2, batch_first=True)
    y, (h, c) = lstm(x)
    luxtorch.nn.last_path()                     # Path(kernels=True, reason='')

Each is a subclass of torch.nn's module of its name: constructor, parameters, state_dict, checks and errors are
torch's. Values, gradients and dropout's random numbers are torch.nn's too, but for rounding. Hooks of parameters
run in the order of torch's operators.

The kernels take float32 and float64 tensors on the CPU: batched or not, batch_first or not, any number of layers,
both directions, with dropout, and PackedSequence, which is padded for them (left to torch where that takes more than four
times the rows, unless it is small). torch's own forward runs for all else: other dtypes and devices,
projections (proj_size), autocast, torch.func's transforms, forward-mode derivatives, torch.jit.trace, input, hx or
weights of subclasses of Tensor, a TorchFunctionMode, a subclass that overrides check_input, check_forward_args,
permute_hidden or what they call, and everything where the variable LUXTORCH_PLAIN_RECURRENCE=1 is set. Gradients of
gradients run in torch's operators. last_path() says which it was.

Between forward and backward, what a pass backward does not read may be written into: hx, biases, the outputs, a
batch-first or packed input (of which the graph keeps a copy), the input of a layer whose weight_ih is not trained.
Gradients of gradients read all of them as they were, and raise.

What goes by a module's exact type does not know these classes. to_torch(model) makes torch.nn's modules of a
model's own, from_torch(model) the other way, in place and with the same parameters; do so before
torch.ao.quantization and Opacus. torch.jit.script does it for itself: as it puts what it compiled in the place of the
model's modules, from_torch(model) gives the model the kernels back. torch.fx takes the modules as leaves.

torch.compile: as with torch.nn's modules the graph breaks here, unless torch._dynamo.config.allow_rnn is True;
then the kernels are a part of the graph (fullgraph=True works; inductor draws other random numbers). An export takes
torch's own operators.

After a fork, in DataLoader's workers and in threads the modules run on: importing luxtorch makes OpenMP's threads,
torch's own too, end before a fork and start again when they are needed.
"""

import os
import threading
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn.parameter import Parameter
from torch.nn.utils.rnn import PackedSequence
from torch.overrides import _get_current_function_mode_stack
from torch.utils._device import DeviceContext

from luxtorch import _exact_type
from luxtorch._compiled import Compiled
from luxtorch._exact_type import from_torch, to_torch

__all__ = ["GRU", "LSTM", "RNN", "Path", "from_torch", "last_path", "to_torch"]

_asked_for_torch = os.environ.get("LUXTORCH_PLAIN_RECURRENCE", "0") not in ("", "0")
_recurrent = torch.ops.luxtorch.recurrent.default
_is_autocast_enabled = torch.is_autocast_enabled
_is_compiling = torch.compiler.is_compiling
_tracing_state = torch._C._get_tracing_state
_function_modes = torch._C._len_torch_function_stack
_DTYPES = (torch.float32, torch.float64)
_PLAIN = frozenset((Tensor, Parameter))
# What a subclass may override, and torch's own forward then obeys.
_CHECKS = frozenset(("check_input", "check_hidden_size", "check_forward_args", "get_expected_hidden_size",
                     "get_expected_cell_size", "permute_hidden"))
_REFUSALS = ("[luxtorch.recurrent]", "Could not run 'luxtorch::")  # the operator's, and torch's where it has none
_frames = torch._C._dynamo.eval_frame
_transform = torch._C._functorch.peek_interpreter_stack


class Path(NamedTuple):
    """How a module ran: by the kernels, or by torch's own forward, and why."""

    kernels: bool
    reason: str = ""


class _Last(threading.local):
    reason = "no module has run in this thread"


_last = _Last()


def last_path():
    """How the last of this thread's modules ran, of those that were not compiled."""
    return Path(_last.reason is None, _last.reason or "")


class _Kernels(Compiled, _exact_type.Module):
    """The forward of all three, before torch's own in the order of their classes."""

    _overrides = False

    def __init_subclass__(cls):
        torchs = next(base for base in cls.__mro__ if base.__module__ == torch.nn.LSTM.__module__)
        cls._overrides = any(getattr(cls, name, None) is not getattr(torchs, name, None) for name in _CHECKS)

    def forward(self, input, hx=None):
        if _is_compiling():
            return super().forward(input, hx) if _asked_for_torch else self._forward_compiled(input, hx)
        reason = self._why_not(input)
        if reason is None:
            if type(input) is PackedSequence:
                return self._forward_packed(input, hx)
            if input.dim() == 2:
                return self._forward_unbatched(input, hx)
            states = self._states(hx)
            if states is not None:
                out = self._run(input, states)
                if out is not None:
                    return out[0], out[1:] if self.mode == "LSTM" else out[1]
        else:
            _last.reason = reason
        return self._forward_by_torch(input, hx)

    def _forward_by_torch(self, input, hx):
        leaf = self._leaf_of_trace(input, hx)
        return super().forward(input, hx) if leaf is None else leaf

    def _why_not(self, input):
        """None where the kernels may be asked; what a call's tensors are is left to them."""
        if type(input) is not Tensor and type(input) is not PackedSequence:
            return "the input is of a subclass of Tensor"
        if _asked_for_torch:
            return "LUXTORCH_PLAIN_RECURRENCE is set"
        if self.proj_size:
            return "there is a projection"
        if self._overrides or not _CHECKS.isdisjoint(self.__dict__):
            return "the module has checks of its own"
        if _is_autocast_enabled("cpu"):
            return "autocast is on"
        if _transform() is not None:
            return "a transform of torch.func runs"
        if forward_ad._current_level >= 0:
            return "forward-mode derivatives are asked for"
        if _tracing_state() is not None:
            return "torch.jit traces"
        if _function_modes() and any(type(mode) is not DeviceContext for mode in _get_current_function_mode_stack()):
            return "a TorchFunctionMode is on"
        data = input if type(input) is Tensor else input.data
        if type(data) is not Tensor:
            return "the input is of a subclass of Tensor"
        if data.device.type != "cpu" or data.dtype not in _DTYPES:
            return f"expected float32 or float64 on the CPU, got {data.dtype} on {data.device.type}"
        return None

    def _weights(self):
        """Those that torch's own forward takes: also what somebody has put into _flat_weights."""
        self._update_flat_weights()
        return self._flat_weights

    def _states(self, hx):
        """As the operator takes them, or None where torch shall say what is wrong."""
        states = self._list_of_states(hx)
        if states is None:
            self._left_to_torch("hx is not a pair of tensors" if self.mode == "LSTM" else "hx is not a tensor")
        return states

    def _list_of_states(self, hx):
        if hx is None:
            return []
        if self.mode != "LSTM":
            return [hx] if isinstance(hx, Tensor) else None
        if isinstance(hx, (tuple, list)) and len(hx) == 2 and isinstance(hx[0], Tensor) and isinstance(hx[1], Tensor):
            return [hx[0], hx[1]]
        return None

    def _masks(self, shape, like):
        """What dropout multiplies each layer but the last by; the random numbers that torch would draw."""
        keep = 1 - self.dropout
        masks = []
        for _ in range(self.num_layers - 1):
            mask = torch.empty(shape, dtype=like.dtype, device=like.device)
            masks.append(mask.bernoulli_(keep).div_(keep) if keep > 0 else mask.zero_())
        return masks

    def _left_to_torch(self, reason):
        _last.reason = reason

    def _run(self, input, states, batch_sizes=None):
        """Output, h and c of the kernels, or None where they refuse."""
        weights, masks, generator = self._weights(), [], None
        if not _PLAIN.issuperset(map(type, (*states, *weights))):
            return self._left_to_torch("hx or a weight is of a subclass of Tensor")
        if self.dropout and self.training and self.num_layers > 1:
            generator = torch.get_rng_state()
            masks = self._masks(self._mask_shape(input), input)
        try:
            out = _recurrent(input, states, weights, masks, batch_sizes, self.mode, self.bias,
                             self.num_layers, self.bidirectional, self.batch_first)
        except NotImplementedError as refusal:
            if not str(refusal).startswith(_REFUSALS):
                raise
            _last.reason = str(refusal).splitlines()[0]
            if generator is not None:
                torch.set_rng_state(generator)
            return None
        _last.reason = None
        return out

    def _mask_shape(self, input):
        width = self.hidden_size * (2 if self.bidirectional else 1)
        if self.batch_first and input.dim() == 3:
            return (input.shape[1], input.shape[0], width)
        return (*input.shape[:-1], width)

    def _forward_unbatched(self, input, hx):
        dim = 0 if self.batch_first else 1
        states = self._states(hx)
        if states is not None and all(state.dim() == 2 for state in states):
            out = self._run(input.unsqueeze(dim), [state.unsqueeze(1) for state in states])
            if out is not None:
                h = tuple(state.squeeze(1) for state in out[1:]) if self.mode == "LSTM" else out[1].squeeze(1)
                return out[0].squeeze(dim), h
        return self._forward_by_torch(input, hx)

    def _forward_packed(self, input, hx):
        data, batch_sizes, sorted_indices, unsorted_indices = input
        states = self._states(hx)
        if states is not None:
            if sorted_indices is not None:
                states = [state.index_select(1, sorted_indices) for state in states]
            out = self._run(data, states, batch_sizes)
            if out is not None:
                h = out[1:] if self.mode == "LSTM" else out[1]
                return (PackedSequence(out[0], batch_sizes, sorted_indices, unsorted_indices),
                        self.permute_hidden(h, unsorted_indices))
        return self._forward_by_torch(input, hx)


# A graph that torch.compile made of this one would lose the handler of the refusal.
_frames.set_code_exec_strategy(
    _Kernels._run.__code__, _frames._FrameExecStrategy(_frames._FrameAction.SKIP, _frames._FrameAction.DEFAULT))


class LSTM(_Kernels, torch.nn.LSTM):
    """torch.nn.LSTM by luxtorch's kernels.

    LSTM(input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False,
    proj_size=0, device=None, dtype=None)

    Input (time, batch, input_size), or (batch, time, input_size) with batch_first, or (time, input_size), or a
    PackedSequence, and hx = (h_0, c_0), each (num_layers * directions, batch, hidden_size), zeros where not given.
    Returns output, (h_n, c_n): output (time, batch, directions * hidden_size), or as input lies.
    float32 and float64 on the CPU by the kernels, all else by torch's own forward (see luxtorch.nn).
    """


class GRU(_Kernels, torch.nn.GRU):
    """torch.nn.GRU by luxtorch's kernels.

    GRU(input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False,
    device=None, dtype=None)

    Input, hx = h_0, output and h_n have the shapes that LSTM's have.
    """


class RNN(_Kernels, torch.nn.RNN):
    """torch.nn.RNN by luxtorch's kernels, with tanh or relu.

    RNN(input_size, hidden_size, num_layers=1, nonlinearity="tanh", bias=True, batch_first=False, dropout=0.0,
    bidirectional=False, device=None, dtype=None)

    Input, hx = h_0, output and h_n have the shapes that LSTM's have.
    """


_exact_type.counterparts.update({torch.nn.LSTM: LSTM, torch.nn.GRU: GRU, torch.nn.RNN: RNN})
