"""LSTM, GRU and RNN in the place of torch.nn's: the same modules, run by luxtorch's kernels.

    from luxtorch.nn import LSTM                # instead of: from torch.nn import LSTM

    lstm = LSTM(68, 128, num_layers=2, batch_first=True)
    y, (h, c) = lstm(x)
    luxtorch.nn.last_path()                     # Path(kernels=True, reason='')

Each is a subclass of torch.nn's module of its name: constructor, parameters, state_dict, checks and errors are
torch's. Values, gradients and dropout's random numbers are torch.nn's too, but for rounding.

The kernels take float32 and float64 tensors on the CPU: batched or not, batch_first or not, any number of layers,
both directions, with dropout, and PackedSequence, which is padded for them (left to torch where that takes more than four
times the rows, unless it is small). torch's own forward runs for all else: other dtypes and devices,
projections (proj_size), autocast, torch.func's transforms, forward-mode derivatives, torch.jit.trace, subclasses of
Tensor, input without elements, and everything where the variable LUXTORCH_PLAIN_RECURRENCE=1 is set. Gradients of
gradients run in torch's operators. last_path() says which it was.

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
from torch.nn.utils.rnn import PackedSequence

__all__ = ["GRU", "LSTM", "RNN", "Path", "last_path"]

_asked_for_torch = os.environ.get("LUXTORCH_PLAIN_RECURRENCE", "0") not in ("", "0")
_recurrent = torch.ops.luxtorch.recurrent.default
_is_autocast_enabled = torch.is_autocast_enabled
_is_compiling = torch.compiler.is_compiling
_tracing_state = torch._C._get_tracing_state
_DTYPES = (torch.float32, torch.float64)
_REFUSALS = ("[luxtorch.recurrent]", "Could not run 'luxtorch::")  # the operator's, and torch's where it has none
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


class _Kernels:
    """The forward of all three, before torch's own in the order of their classes."""

    def forward(self, input, hx=None):
        if _is_compiling():
            return self._forward_compiled(input, hx)
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
        return super().forward(input, hx)

    def _why_not(self, input):
        """None where the kernels may be asked; what a call's tensors are is left to them."""
        if type(input) is not Tensor and type(input) is not PackedSequence:
            return "the input is of a subclass of Tensor"
        if _asked_for_torch:
            return "LUXTORCH_PLAIN_RECURRENCE is set"
        if self.proj_size:
            return "there is a projection"
        if _is_autocast_enabled("cpu"):
            return "autocast is on"
        if _transform() is not None:
            return "a transform of torch.func runs"
        if forward_ad._current_level >= 0:
            return "forward-mode derivatives are asked for"
        if _tracing_state() is not None:
            return "torch.jit traces"
        data = input if type(input) is Tensor else input.data
        if data.device.type != "cpu" or data.dtype not in _DTYPES:
            return f"expected float32 or float64 on the CPU, got {data.dtype} on {data.device.type}"
        return None

    def _weights(self):
        """Those that torch's own forward takes: also what somebody has put into _flat_weights."""
        self._update_flat_weights()
        return self._flat_weights

    def _states(self, hx):
        """As the operator takes them, or None where torch shall say what is wrong."""
        if hx is None:
            return []
        if self.mode != "LSTM":
            return [hx] if isinstance(hx, Tensor) else self._left_to_torch("hx is not a tensor")
        if isinstance(hx, (tuple, list)) and len(hx) == 2 and all(isinstance(state, Tensor) for state in hx):
            return list(hx)
        return self._left_to_torch("hx is not a pair of tensors")

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
        masks, generator = [], None
        if self.dropout and self.training and self.num_layers > 1:
            generator = torch.get_rng_state()
            masks = self._masks(self._mask_shape(input), input)
        try:
            out = _recurrent(input, states, self._weights(), masks, batch_sizes, self.mode, self.bias,
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
        return super().forward(input, hx)

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
        return super().forward(input, hx)

    def _forward_compiled(self, input, hx):
        """As forward, in what torch.compile can follow: what runs is decided while it traces."""
        if (isinstance(input, PackedSequence) or _asked_for_torch or self.proj_size or torch.is_autocast_enabled("cpu")
                or input.device.type != "cpu" or input.dtype not in _DTYPES
                or input.dim() not in (2, 3) or self.weight_hh_l0.dtype != input.dtype or torch.compiler.is_exporting()):
            return super().forward(input, hx)
        states = [] if hx is None else [hx] if self.mode != "LSTM" else [hx[0], hx[1]]
        unbatched, dim = input.dim() == 2, 0 if self.batch_first else 1
        for state in states:
            if state.dim() != input.dim():
                return super().forward(input, hx)
        if unbatched:
            input, states = input.unsqueeze(dim), [state.unsqueeze(1) for state in states]
            hx = None if hx is None else tuple(states) if self.mode == "LSTM" else states[0]
        if hx is None:
            self.check_input(input, None)
        else:
            self.check_forward_args(input, hx, None)
        masks = []
        if self.dropout and self.training and self.num_layers > 1:
            masks = self._masks(self._mask_shape(input), input)
        weights = [getattr(self, name) for name in self._flat_weights_names]
        y, h, c = torch.ops.luxtorch.recurrent(
            input, states, weights, masks, None, self.mode, self.bias, self.num_layers, self.bidirectional,
            self.batch_first)
        if unbatched:
            y, h, c = y.squeeze(dim), h.squeeze(1), c.squeeze(1) if self.mode == "LSTM" else c
        return y, (h, c) if self.mode == "LSTM" else h


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
