#!/usr/bin/env python3
"""compare_numpy.py FOLDER - do our files hold for NumPy what our trees hold? And files of NumPy's for us.

For every NAME.npz with a NAME.json (a tree as exact_json of jld2_corpus.cpp writes it): the same arrays by their paths,
with the same dtypes, shapes and bytes. Then writes from_numpy/*.npy, one array per dtype, byte order and memory order,
and from_numpy.npz and from_numpy_compressed.npz with all of them. Exit status 1 and one line per difference, 77 without
NumPy.
"""
import json
import pathlib
import sys

try:
    import numpy
except ImportError:
    sys.exit(77)

DTYPES = {"Float": "<f4", "Double": "<f8", "Half": "<f2", "Long": "<i8", "Int": "<i4", "Short": "<i2", "Char": "|i1",
          "Byte": "|u1", "UInt16": "<u2", "UInt32": "<u4", "UInt64": "<u8", "Bool": "|b1", "ComplexFloat": "<c8",
          "ComplexDouble": "<c16"}


def tensors(tree, path=""):
    below = [(str(i), part) for i, part in enumerate(tree["tuple"])] if "tuple" in tree else tree.get("named", [])
    for key, part in below:
        yield from tensors(part, f"{path}.{key}" if path else key)
    if "tensor" in tree:
        yield path or "arr_0", (DTYPES[tree["tensor"]], tuple(tree["shape"]), bytes.fromhex(tree["bytes"]))


def compare(folder):
    failed = count = 0
    for path in sorted(folder.glob("*.npz")):
        expected = dict(tensors(json.loads(path.with_suffix(".json").read_text())))
        with numpy.load(path, allow_pickle=False) as file:
            read = {name: (file[name].dtype.str, file[name].shape, file[name].tobytes()) for name in file}
        read.pop("luxtorch.tree", None)
        count += len(read)
        for name in sorted(expected.keys() | read.keys()):
            if expected.get(name) != read.get(name):
                failed += 1
                print(f"{path.name}: {name}: ours {str(expected.get(name))[:80]}, NumPy's {str(read.get(name))[:80]}")
    if not count:
        print("no arrays to compare")
    return 1 if failed or not count else 0


def write(folder):
    folder.joinpath("from_numpy").mkdir()
    arrays = {}
    for dtype in DTYPES.values():
        values = numpy.arange(24, dtype="f8").reshape(2, 3, 4)
        values = values % 3 == 0 if dtype == "|b1" else values * (1 + 2j) if "c" in dtype else values
        for byte_order, name in (("<", "little"), (">", "big")):
            for memory_order in "CF":
                array = numpy.array(values, dtype=byte_order + dtype[1:], order=memory_order)
                arrays[f"{dtype[1:]}.{name}.{memory_order}"] = array
    for name, array in arrays.items():
        numpy.save(folder / "from_numpy" / f"{name}.npy", array)
    numpy.savez(folder / "from_numpy.npz", **arrays)
    numpy.savez_compressed(folder / "from_numpy_compressed.npz", **arrays)
    with open(folder / "from_numpy" / "version_2.npy", "wb") as file:
        numpy.lib.format.write_array(file, numpy.arange(3, dtype="f4"), version=(2, 0))
    numpy.save(folder / "texts.npy", numpy.array(["a", "bc"]))
    numpy.save(folder / "records.npy", numpy.zeros(2, dtype=[("a", "f4"), ("b", "i4")]))
    numpy.save(folder / "objects.npy", numpy.array([{}, []], dtype=object), allow_pickle=True)


def main():
    folder = pathlib.Path(sys.argv[1])
    write(folder)
    return compare(folder / "ours")


if __name__ == "__main__":
    sys.exit(main())
