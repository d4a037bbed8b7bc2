"""nn.LSTM, GRU and RNN as loops over torch's own cells: the same parameters and results, other rounding.

What PyTorch's own ways of computing one model drift apart is what one can ask of another library.
"""

import torch
from torch import nn


class _Cells:
    """In front of an nn.RNNBase: one direction, batch first, from zeros."""

    def forward(self, x):
        if self.bidirectional or not self.batch_first or self.proj_size or (self.dropout and self.training):
            raise NotImplementedError("a loop over cells is written for one direction, batch first, no dropout")
        steps = x.unbind(1)
        for layer in self.all_weights:
            zeros = x.new_zeros(x.shape[0], self.hidden_size)
            carry = (zeros, zeros) if self.mode == "LSTM" else zeros
            outputs = []
            for step in steps:
                carry = self.cell(step, carry, *layer)
                outputs.append(carry[0] if isinstance(carry, tuple) else carry)
            steps = outputs
        return torch.stack(steps, 1), None


class LSTM(_Cells, nn.LSTM):
    cell = staticmethod(torch._VF.lstm_cell)


class GRU(_Cells, nn.GRU):
    cell = staticmethod(torch._VF.gru_cell)


class RNN(_Cells, nn.RNN):
    @property
    def cell(self):
        return torch._VF.rnn_tanh_cell if self.nonlinearity == "tanh" else torch._VF.rnn_relu_cell
