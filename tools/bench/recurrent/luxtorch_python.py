"""Python PyTorch with luxtorch.nn.LSTM (GRU, RNN) in the place of nn's; with the argument compiled by torch.compile."""

import sys
from pathlib import Path

import pytorch_module
import pytorch_training
import turns

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python"))

try:
    from luxtorch import nn
except ImportError as error:
    turns.skip(f"this Python has no luxtorch ({error})")


def make(shape):
    kind = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[shape.cell]
    return kind(shape.inputs, shape.hidden, num_layers=shape.layers, batch_first=True)


if __name__ == "__main__":
    compiled = "compiled" in sys.argv[1:]
    if compiled:
        import torch._dynamo

        torch._dynamo.config.allow_rnn = True  # the kernels in the graph
    pytorch_training.take_turns(make, pytorch_module.outputs_of, compiled=compiled)
