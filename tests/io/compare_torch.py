#!/usr/bin/env python3
"""compare_torch.py FOLDER - does torch.load(weights_only=True) give what our trees hold? And torch.save's files for us.

For every ours/NAME.pt with a NAME.json (a tree as exact_json of jld2_corpus.cpp writes it): the same dicts, tuples,
numbers and tensors, with the same dtypes, shapes and bytes. Then writes files of torch.save, each with what it holds
as .npz where it holds tensors alone, nested on the names' dots. Exit status 1 and one line per difference, 77 without
PyTorch or NumPy.
"""
import json
import os
import pathlib
import pickle
import struct
import sys
import zipfile

try:
    import numpy
    import torch
except ImportError:
    sys.exit(77)

DTYPES = {"Float": torch.float32, "Double": torch.float64, "Half": torch.float16, "Long": torch.int64, "Int": torch.int32,
          "Short": torch.int16, "Char": torch.int8, "Byte": torch.uint8, "UInt16": torch.uint16, "UInt32": torch.uint32,
          "UInt64": torch.uint64, "Bool": torch.bool, "ComplexFloat": torch.complex64,
          "ComplexDouble": torch.complex128, "BFloat16": torch.bfloat16, "Float8_e4m3fn": torch.float8_e4m3fn}


def difference(tree, value, path=""):
    if "tensor" in tree:
        raw = bytes(value.contiguous().flatten().view(torch.uint8).tolist()) if value.numel() else b""
        same = value.dtype == DTYPES[tree["tensor"]] and list(value.shape) == tree["shape"] and raw.hex() == tree["bytes"]
    elif "tuple" in tree or "named" in tree:
        if "tuple" in tree:
            same = type(value) is tuple and len(value) == len(tree["tuple"])
            parts = [(str(i), part, value[i]) for i, part in enumerate(tree["tuple"])] if same else []
        else:
            same = type(value) is dict and list(value) == [key for key, _ in tree["named"]]
            parts = [(key, part, value[key]) for key, part in tree["named"]] if same else []
        for key, part, below in parts:
            yield from difference(part, below, f"{path}.{key}")
    elif "none" in tree:
        same = value is None
    elif "rng" in tree:
        same = value[".rng"] % 2**64 == tree["rng"]
    elif "double" in tree:
        same = type(value) is float and struct.pack("<d", value).hex() == tree["double"]
    else:
        kind = next(iter(tree))
        same = type(value).__name__ == {"bool": "bool", "int": "int", "string": "str"}[kind] and value == tree[kind]
    if not same:
        yield f"{path}: {str(tree)[:80]} and {str(value)[:80]}"


def compare(folder):
    failed = count = 0
    for path in sorted(folder.glob("*.pt")):
        for options in ({}, {"mmap": True}):
            value = torch.load(path, weights_only=True, **options)
            for line in difference(json.loads(path.with_suffix(".json").read_text()), value):
                failed += 1
                print(f"{path.name}{line}")
        count += 1
    if not count:
        print("no files to compare")
    return 1 if failed or not count else 0


class Asks:
    def __init__(self, function, *arguments):
        self.asked = function, arguments

    def __reduce__(self):
        return self.asked


def write(folder):
    torch.manual_seed(0)
    model = torch.nn.ModuleDict({
        "embedding": torch.nn.Embedding(7, 3), "rnn": torch.nn.LSTM(3, 4, num_layers=2, bidirectional=True),
        "norm": torch.nn.BatchNorm1d(4), "narrow": torch.nn.Linear(4, 2).half(), "double_": torch.nn.Linear(4, 2).double()})
    optimizer = torch.optim.Adam(model.parameters())
    model["rnn"](torch.ones(5, 1, 3))[0].sum().backward()
    optimizer.step()
    state = model.state_dict()
    torch.save(state, folder / "state.pt")
    torch.save(state, folder / "protocol_4.pt", pickle_protocol=4)
    torch.save({name: parameter for name, parameter in model.named_parameters()}, folder / "parameters.pt")
    numpy.savez(folder / "state.npz", **{name: tensor.numpy() for name, tensor in state.items()})

    torch.save({"model": state, "optimizer": optimizer.state_dict(), "epoch": 3, "loss": 0.25, "big": 2**40, "low": -7,
                "note": "h\u00e9", "nothing": None, "flags": [True, False], "size": torch.Size([2, 3]),
                "nested": {"a": {"b": (1, [2.5])}}}, folder / "checkpoint.pt")

    whole = torch.arange(12.0).reshape(3, 4)
    torch.save({"whole": whole, "turned": whole.t(), "row": whole[1], "part": whole[1:, ::2], "same": whole,
                "wide": whole[:, :1].expand(3, 5), "number": whole[2, 3], "empty": torch.empty(0, 3),
                **{str(dtype)[6:]: torch.arange(4).to(dtype) for dtype in DTYPES.values()}}, folder / "views.pt")

    torch.save({"z": torch.ones(2, dtype=torch.complex64).conj()}, folder / "conjugated.pt")
    torch.save({"s": torch.eye(3).to_sparse()}, folder / "sparse.pt")
    torch.save(model["double_"], folder / "module.pt")
    torch.save(dict(state), folder / "old.pt", _use_new_zipfile_serialization=False)
    torch.jit.trace(model["double_"], torch.ones(1, 4, dtype=torch.float64)).save(folder / "script.pt")
    torch.save({"x": Asks(os.system, f"touch '{folder}/run'")}, folder / "system.pt")
    torch.save({"x": Asks(eval, f"open('{folder}/run', 'w')")}, folder / "eval.pt")
    torch.save({"x": Asks(pickle.loads, b"")}, folder / "loads.pt", pickle_protocol=4)
    with zipfile.ZipFile(folder / "state.pt") as file, zipfile.ZipFile(folder / "deflated.pt", "w",
                                                                       zipfile.ZIP_DEFLATED) as copy:
        for name in file.namelist():
            copy.writestr(name, file.read(name))


def main():
    folder = pathlib.Path(sys.argv[1])
    write(folder)
    return compare(folder / "ours")


if __name__ == "__main__":
    sys.exit(main())
