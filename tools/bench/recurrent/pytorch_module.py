"""Python PyTorch with nn.LSTM (GRU, RNN) over the whole sequence; with the argument compiled under torch.compile."""

import sys

import pytorch_training
from torch import nn


def make(shape):
    kind = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[shape.cell]
    return kind(shape.inputs, shape.hidden, num_layers=shape.layers, batch_first=True)


def outputs_of(module, x, every_step):
    y, _ = module(x)
    return y if every_step else y[:, -1]


if __name__ == "__main__":
    pytorch_training.take_turns(make, outputs_of, compiled="compiled" in sys.argv[1:])
