"""Python PyTorch with a loop over nn.LSTMCell (GRUCell, RNNCell)."""

import sys

import pytorch_training
from torch import nn


class Classifier(nn.Module):
    def __init__(self, problem):
        super().__init__()
        kind = {"lstm": nn.LSTMCell, "gru": nn.GRUCell, "rnn": nn.RNNCell}[problem.cell]
        self.cell = kind(problem.inputs, problem.hidden)
        self.head = nn.Linear(problem.hidden, 1)

    def forward(self, x):
        carry = None
        for step in x.unbind(1):
            carry = self.cell(step, carry)
        h = carry[0] if isinstance(carry, tuple) else carry
        return self.head(h).sigmoid().squeeze(-1)


if __name__ == "__main__":
    pytorch_training.take_turns(sys.argv[1], Classifier)
