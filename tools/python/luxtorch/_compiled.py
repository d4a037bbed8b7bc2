"""The modules' forward in a graph of torch.compile: what runs is decided while it traces."""

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn.parameter import Parameter
from torch.nn.utils.rnn import PackedSequence

_DTYPES = (torch.float32, torch.float64)
_GATES = {"LSTM": 4, "GRU": 3}


@torch.compiler.assume_constant_result
def _transformed():
    """Whether a transform of torch.func runs; asked, not traced."""
    return torch._C._functorch.peek_interpreter_stack() is not None


def _fits(tensor, like):
    """Whether the kernels may read it beside like."""
    return ((type(tensor) is Tensor or type(tensor) is Parameter) and tensor.layout == torch.strided
            and tensor.dtype == like.dtype and tensor.device == like.device)


class Compiled:
    """For torch.nn.RNNBase's subclasses: as forward, in what torch.compile can follow.

    What the operator would refuse goes to torch's forward, as it does without a graph: there is nobody to catch an
    error in one.
    """

    def _forward_compiled(self, input, hx):
        states = self._list_of_states(hx)
        weights = [getattr(self, name) for name in self._flat_weights_names]
        if states is None or not self._kernels_in_graph(input, states, weights):
            return super().forward(input, hx)
        unbatched, dim = input.dim() == 2, 0 if self.batch_first else 1
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
        y, h, c = torch.ops.luxtorch.recurrent(
            input, states, weights, masks, None, self.mode, self.bias, self.num_layers, self.bidirectional,
            self.batch_first)
        if unbatched:
            y, h, c = y.squeeze(dim), h.squeeze(1), c.squeeze(1) if self.mode == "LSTM" else c
        return y, (h, c) if self.mode == "LSTM" else h

    def _kernels_in_graph(self, input, states, weights):
        if (isinstance(input, PackedSequence) or self.proj_size or self._overrides
                or self.input_size == 0 or torch.compiler.is_exporting() or torch.is_autocast_enabled("cpu")
                or _transformed() or forward_ad._current_level >= 0):
            return False
        if (not _fits(input, input) or input.device.type != "cpu" or input.dtype not in _DTYPES
                or input.dim() not in (2, 3)):
            return False
        for state in states:
            if not _fits(state, input) or state.dim() != input.dim():
                return False
        return self._weights_fit(input, weights)

    def _weights_fit(self, input, weights):
        rows, directions = _GATES.get(self.mode, 1) * self.hidden_size, 2 if self.bidirectional else 1
        count = 4 if self.bias else 2
        if len(weights) != self.num_layers * directions * count:
            return False
        for i, weight in enumerate(weights):
            width = self.input_size if i < directions * count else directions * self.hidden_size
            shape = ((rows, width), (rows, self.hidden_size), (rows,), (rows,))[i % count]
            if not _fits(weight, input) or tuple(weight.shape) != shape:
                return False
        return True
