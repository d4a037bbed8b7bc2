#!/usr/bin/env python3
"""write_torch_values.py FOLDER - values of Python in all protocols of pickle, as torch.save writes them.

Exit status 77 without PyTorch.
"""
import collections
import pathlib
import sys

try:
    import torch
except ImportError:
    sys.exit(77)


def main():
    folder = pathlib.Path(sys.argv[1])
    one = [1]
    values = {
        "text": "h\u00e9 \U0001f600 \u20ac\n\\u", "integers": (0, -1, 255, 70000, 2**40, -7),
        "large": [2**64 - 1, -2**63 - 1, 2**100 * 10**9, -2**100], "floats": [0.1, -2.5e-300],
        "flags": [True, False, None], "bytes": bytes([0, 127, 128, 255]), "none": b"",
        "array": bytearray([1, 200]), "frozen": frozenset([3]), "count": collections.Counter(["a", "b", "a"]),
        "dtype": torch.float32, "layout": torch.strided, "device": torch.device("cuda:1"), "twice": [one, one],
        "complex": 1.5 - 2j}
    state = collections.OrderedDict({
        "0.weight": torch.nn.Parameter(torch.ones(2, 3)), "buffer": torch.nn.Buffer(torch.arange(3))})
    for protocol in range(6):
        torch.save(values, folder / f"values_{protocol}.pt", pickle_protocol=protocol)
        if protocol:
            torch.save(state, folder / f"tensors_{protocol}.pt", pickle_protocol=protocol)


if __name__ == "__main__":
    main()
