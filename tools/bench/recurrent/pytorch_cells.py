"""Python PyTorch with a loop over nn.LSTMCell (GRUCell, RNNCell); with the argument compiled under torch.compile."""

import sys

import pytorch_training
from torch import nn


def make(shape):
    if shape.layers != 1 or shape.loss == "next":
        raise ValueError("a loop over a cell is written for one layer and its last output")
    kind = {"lstm": nn.LSTMCell, "gru": nn.GRUCell, "rnn": nn.RNNCell}[shape.cell]
    return kind(shape.inputs, shape.hidden)


def outputs_of(cell, x, every_step):
    carry = None
    for step in x.unbind(1):
        carry = cell(step, carry)
    return carry[0] if isinstance(carry, tuple) else carry


if __name__ == "__main__":
    pytorch_training.take_turns(make, outputs_of, suffix=lambda layer: "", compiled="compiled" in sys.argv[1:])
