#!/usr/bin/env python3
"""seeds.py FOLDER - small files of Python's writers for the fuzzer, in FOLDER/numpy, FOLDER/safetensors, ..."""
import collections
import pathlib
import sys
import zipfile

import numpy
import torch

try:
    import safetensors.torch
except ImportError:
    safetensors = None


def deflated(path):
    with zipfile.ZipFile(path) as file, zipfile.ZipFile(path.with_suffix(".deflated" + path.suffix), "w",
                                                        zipfile.ZIP_DEFLATED) as copy:
        for name in file.namelist():
            copy.writestr(name, file.read(name))


def write_torch(folder):
    lstm = torch.nn.LSTM(2, 3, num_layers=2, bidirectional=True)
    model = torch.nn.Sequential(torch.nn.Embedding(5, 2), torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    optimizer = torch.optim.Adam(model[1].parameters())
    model[1](torch.ones(1, 2)).sum().backward()
    optimizer.step()
    whole = torch.arange(12.0).reshape(3, 4)
    dtypes = ["float16", "bfloat16", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "bool", "complex64"]
    files = {
        "lstm": lstm.state_dict(),
        "checkpoint": {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "loss": 0.25,
                       "big": 2**40, "low": -7, "note": "h\u00e9", "none": None, "flags": [True, False],
                       "size": torch.Size([2, 3]), "nested": {"a": {"b": (1, [2.5])}}},
        "views": {"whole": whole, "turned": whole.t(), "row": whole[1], "part": whole[1:, ::2], "same": whole,
                  "wide": whole[:, :1].expand(3, 5), "number": whole[2, 3], "empty": torch.empty(0, 3)},
        "dtypes": {name: torch.arange(4).to(getattr(torch, name)) for name in dtypes},
        "parameters": collections.OrderedDict(w=torch.nn.Parameter(torch.ones(2)), conjugated=torch.ones(1).cfloat().conj()),
        "module": torch.nn.Linear(1, 1),
    }
    for name, value in files.items():
        torch.save(value, folder / f"{name}.pt")
        deflated(folder / f"{name}.pt")
    for protocol in (3, 4, 5):
        torch.save(files["checkpoint"], folder / f"protocol_{protocol}.pt", pickle_protocol=protocol)
    torch.jit.trace(model[1], torch.ones(1, 2)).save(folder / "script.pt")


def write_numpy(folder):
    arrays = {}
    for dtype in ("b1", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", "c8", "c16"):
        for byte_order in "<>":
            for memory_order in "CF":
                name = f"{dtype}.{'little' if byte_order == '<' else 'big'}.{memory_order}"
                arrays[name] = numpy.ones((2, 3), dtype=byte_order + dtype, order=memory_order)
                numpy.save(folder / f"{name}.npy", arrays[name])
    some = dict(list(arrays.items())[::9])
    numpy.savez(folder / "some.npz", **some)
    numpy.savez_compressed(folder / "some_compressed.npz", **some)
    for version in ((1, 0), (2, 0), (3, 0)):
        with open(folder / f"version_{version[0]}.npy", "wb") as file:
            numpy.lib.format.write_array(file, numpy.arange(3, dtype="f4"), version=version)
    numpy.save(folder / "records.npy", numpy.zeros(2, dtype=[("a", "f4"), ("b", "i4")]))
    numpy.save(folder / "objects.npy", numpy.array([{}, []], dtype=object), allow_pickle=True)


def write_safetensors(folder):
    state = torch.nn.LSTM(2, 3).state_dict()
    safetensors.torch.save_file(state, folder / "lstm.safetensors", metadata={"format": "pt", "note": "\u00e9"})


def main():
    for name, write in (("torch_archive", write_torch), ("numpy", write_numpy), ("safetensors", write_safetensors)):
        folder = pathlib.Path(sys.argv[1]) / name
        folder.mkdir(parents=True, exist_ok=True)
        if name != "safetensors" or safetensors:
            write(folder)


if __name__ == "__main__":
    main()
