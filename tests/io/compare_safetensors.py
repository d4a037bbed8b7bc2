#!/usr/bin/env python3
"""compare_safetensors.py FOLDER - do our files hold for Python's safetensors what our trees hold?

For every NAME.safetensors with a NAME.json (a tree as exact_json of jld2_corpus.cpp writes it): the same tensors by
their paths, with the same dtypes, shapes and bytes. Exit status 1 and one line per difference, 77 without safetensors.
"""
import json
import pathlib
import sys

try:
    import safetensors
except ImportError:
    sys.exit(77)

DTYPES = {"Float": "F32", "Double": "F64", "Half": "F16", "Long": "I64", "Int": "I32", "Short": "I16", "Char": "I8",
          "Byte": "U8", "UInt16": "U16", "UInt32": "U32", "UInt64": "U64", "Bool": "BOOL", "ComplexFloat": "C64"}


def tensors(tree, path=""):
    below = [(str(i), part) for i, part in enumerate(tree["tuple"])] if "tuple" in tree else tree.get("named", [])
    for key, part in below:
        yield from tensors(part, f"{path}.{key}" if path else key)
    if "tensor" in tree:
        yield path, (DTYPES[tree["tensor"]], tree["shape"], bytes.fromhex(tree["bytes"]))


def main():
    failed = count = 0
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.safetensors")):
        expected = dict(tensors(json.loads(path.with_suffix(".json").read_text())))
        read = {name: (t["dtype"], t["shape"], bytes(t["data"])) for name, t in safetensors.deserialize(path.read_bytes())}
        count += len(read)
        for name in sorted(expected.keys() | read.keys()):
            if expected.get(name) != read.get(name):
                failed += 1
                print(f"{path.name}: {name}: ours {str(expected.get(name))[:80]}, Python's {str(read.get(name))[:80]}")
    if not count:
        print("no tensors to compare")
    return 1 if failed or not count else 0


if __name__ == "__main__":
    sys.exit(main())
