"""Python PyTorch with nn.LSTM (GRU, RNN) over the whole sequence."""

import sys

import pytorch_training
from torch import nn


class Classifier(nn.Module):
    def __init__(self, problem):
        super().__init__()
        kind = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[problem.cell]
        self.cell = kind(problem.inputs, problem.hidden, batch_first=True)
        self.head = nn.Linear(problem.hidden, 1)

    def forward(self, x):
        y, _ = self.cell(x)
        return self.head(y[:, -1]).sigmoid().squeeze(-1)


if __name__ == "__main__":
    pytorch_training.take_turns(sys.argv[1], Classifier, suffix="_l0")
