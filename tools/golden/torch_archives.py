"""Files of torch.save, tests/golden/pt/NAME.pt, and what torch.load(weights_only=True) gives of them, NAME.json, as
test::exact_json writes a tree: tensors that are not dense by the parts that torch's own accessors give. The files of
`objects` hold what torch.load refuses. Returns the names.
"""

import argparse
import collections
import datetime
import io
import json
import pathlib
import unittest.mock
import zipfile

import numpy as np
import torch
from generate import TARGET, values
from torch._sources import get_source_lines_and_file

FOLDER = TARGET / "pt"
DTYPES = {torch.float32: "Float", torch.float64: "Double", torch.float16: "Half", torch.bfloat16: "BFloat16",
          torch.int64: "Long", torch.int32: "Int", torch.int16: "Short", torch.int8: "Char", torch.uint8: "Byte",
          torch.uint16: "UInt16", torch.bool: "Bool", torch.complex64: "ComplexFloat",
          torch.complex128: "ComplexDouble", torch.float8_e4m3fn: "Float8_e4m3fn"}


def tensor_json(t):
    t = t.detach().resolve_conj().resolve_neg().contiguous()
    data = bytes(t.flatten().view(torch.uint8).tolist()) if t.numel() else b""
    return {"tensor": DTYPES[t.dtype], "shape": list(t.shape), "bytes": data.hex()}


def parts_of(t):
    """A tensor of another kind as the dict of its parts, None for a dense one."""
    size = tuple(t.shape) if not t.is_nested else ()
    if t.layout == torch.sparse_coo:
        return {"indices": t._indices(), "values": t._values(), "size": size}
    if t.layout in (torch.sparse_csr, torch.sparse_bsr):
        return {"crow_indices": t.crow_indices(), "col_indices": t.col_indices(), "values": t.values(), "size": size}
    if t.layout in (torch.sparse_csc, torch.sparse_bsc):
        return {"ccol_indices": t.ccol_indices(), "row_indices": t.row_indices(), "values": t.values(), "size": size}
    if t.is_nested:
        return {"values": t.values(), "sizes": t._nested_tensor_size(), "strides": t._nested_tensor_strides(),
                "offsets": t._nested_tensor_storage_offsets()}
    if not t.is_quantized:
        return None
    if t.qscheme() == torch.per_tensor_affine:
        return {"int_repr": t.int_repr(), "scale": t.q_scale(), "zero_point": t.q_zero_point()}
    return {"int_repr": t.int_repr(), "scales": t.q_per_channel_scales(), "zero_points": t.q_per_channel_zero_points(),
            "axis": t.q_per_channel_axis()}


def nested(items):
    """[["a.b", x], ["a.c", y]] as [["a", {"named": [["b", x], ["c", y]]}]]."""
    result = []
    for name, value in items:
        below = result
        *groups, last = name.split(".")
        for group in groups:
            found = next((part for key, part in below if key == group), None)
            if found is None:
                found = {"named": []}
                below.append([group, found])
            below = found["named"]
        below.append([last, value])
    return result


def tree_json(value):
    if value is None:
        return {"none": True}
    if isinstance(value, bool):
        return {"bool": value}
    if isinstance(value, int):
        return {"int": value}
    if isinstance(value, float):
        return {"double": np.float64(value).tobytes().hex()}
    if isinstance(value, str):
        return {"string": value}
    if isinstance(value, (list, tuple)):
        return {"tuple": [tree_json(part) for part in value]}
    if isinstance(value, dict):
        return {"named": nested([[key if isinstance(key, str) else repr(key), tree_json(part)]
                                 for key, part in value.items()])}
    if isinstance(value, torch.TypedStorage):
        return tensor_json(torch.tensor([], dtype=value.dtype).set_(value))
    if isinstance(value, torch.UntypedStorage):
        return tensor_json(torch.tensor([], dtype=torch.uint8).set_(value))
    parts = parts_of(value)
    return tensor_json(value) if parts is None else tree_json(parts)


def kinds():
    matrix = values(4, 4, dtype=torch.float32).relu()
    z = torch.complex(values(3, dtype=torch.float32), values(3, seed=1, dtype=torch.float32))
    scales, zeros = torch.tensor([0.5, 0.25], dtype=torch.float64), torch.tensor([1, 2])
    return {
        "coo": matrix.to_sparse(), "csr": matrix.to_sparse_csr(), "csc": matrix.to_sparse_csc(),
        "bsr": matrix.to_sparse_bsr((2, 2)), "bsc": matrix.to_sparse_bsc((2, 2)),
        "parameter": torch.nn.Parameter(matrix.to_sparse()),
        "by_tensor": torch.quantize_per_tensor(matrix, 0.25, 3, torch.quint8),
        "int32": torch.quantize_per_tensor(matrix, 0.25, 3, torch.qint32),
        "by_channel": torch.quantize_per_channel(matrix[:2], scales, zeros, 0, torch.qint8),
        "turned": torch.quantize_per_tensor(matrix, 0.25, 3, torch.quint8).t(),
        "nested": torch.nested.nested_tensor([matrix[:2], matrix]),
        "conj": z.conj(), "neg": z.clone().conj().imag, "neg_conj": torch._neg_view(z).conj(), "z": z,
        "typed": torch.FloatStorage([1, 2.5]), "untyped": torch.ones(2, dtype=torch.int16).untyped_storage(),
        "bools": torch.BoolStorage([True, False])}


def keys():
    return {3: 1, -2: 2, 0.5: 3, 1e-05: 4, None: 5, True: 6, (1, "a", (2.5,)): 7, b"\x00x": 8, (): 9,
            "with 'both' \"": 10, ("it's",): 11, float("inf"): 12}


def legacy():
    whole = values(3, 4, dtype=torch.float32)
    return {"state": collections.OrderedDict({"0.weight": whole, "0.bias": torch.nn.Parameter(whole[1])}),
            "turned": whole.t(), "flag": torch.tensor([True, False]), "half": whole.half(), "empty": torch.zeros(0, 2),
            "z": torch.ones(2, dtype=torch.complex64).conj(),
            "sparse": whole.relu().to_sparse(), "epoch": 3, "lr": 0.25, "note": "h\u00e9", "betas": (0.9, [None, False])}


class Items(dict):
    pass


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(2, 1)
        torch.nn.init.ones_(self.linear.weight)
        torch.nn.init.zeros_(self.linear.bias)

    def forward(self, x):
        return self.linear(x)


class Marked(torch.Tensor):
    pass


def objects():
    marked = torch.nn.Parameter(torch.ones(2))
    marked.group = "slow"
    counts = collections.defaultdict(int)
    counts["cat"] = 2
    return {"w": torch.ones(2), "args": argparse.Namespace(lr=0.1, layers=[1, 2], name="x"), "best": np.float64(0.5),
            "array": np.arange(3), "when": datetime.date(2020, 1, 2), "counts": counts, "class": argparse.Namespace,
            "items": Items(a=1), "marked": marked, "subclass": torch.ones(2).as_subclass(Marked),
            "meta": torch.ones(2, 3, device="meta"), "order": [1, print, torch.zeros(1)], "again": torch.zeros(1)}


def write(name, value, load=True, **options):
    path = FOLDER / f"{name}.pt"
    torch.save(value, path, **options)
    if load:
        loaded = torch.load(path, weights_only=True)
        (FOLDER / f"{name}.json").write_text(json.dumps(tree_json(loaded), indent=1) + "\n")


def write_with_sources(name, value):
    """As PyTorch before 1.6, whose files hold the modules' sources; their files' names stand there without a folder."""
    def without_folder(cls):
        lines, number, file = get_source_lines_and_file(cls)
        return lines, number, pathlib.Path(file).name

    with unittest.mock.patch("torch.serialization.get_source_lines_and_file", without_folder):
        write(name, value, load=False, _use_new_zipfile_serialization=False)


def write_script(name, module):
    """TorchScript without the records that say where its sources lay."""
    path = FOLDER / f"{name}.pt"
    torch.jit.script(module).save(str(path))
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as read, zipfile.ZipFile(path, "w") as written:
        for record in read.infolist():
            if not record.filename.endswith(".debug_pkl"):
                written.writestr(record, read.read(record))


def generate():
    write("kinds", kinds())
    write("keys", keys())
    old = {"_use_new_zipfile_serialization": False}
    for protocol in (0, 2, 4):
        value = legacy() if protocol else {key: x for key, x in legacy().items() if not isinstance(x, torch.Tensor)}
        value = value if protocol else {key: x for key, x in value.items() if key != "state"}
        write(f"legacy_{protocol}", value, load=protocol == 2, pickle_protocol=protocol, **old)
    write_with_sources("legacy_objects", {"net": Net(), "w": torch.ones(2)})
    write("objects", objects(), load=False)
    write("module", Net(), load=False)
    write_script("script", Net())
    return ["kinds", "keys", "legacy_2"]
