#!/usr/bin/env python3
"""compare_jld2.py [--ours] FOLDER - do our trees equal what tools/verify_jld2.py reads?

For every NAME.jld2 in FOLDER with a NAME.json (a tree as exact_json of jld2_corpus.cpp writes it): the file passes
the checker, and the checker's --json has the tree's values. --ours: files that we wrote, which must also pass for
JLD2 0.4.24 ("mid") and give no warning. Exit status 1 and one line per difference otherwise.
"""
import json
import pathlib
import struct
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import verify_jld2

DTYPES = {"Float": "f4", "Double": "f8", "Half": "f2", "Long": "i8", "Int": "i4", "Short": "i2", "Char": "i1",
          "Byte": "u1", "UInt16": "u2", "UInt32": "u4", "UInt64": "u8", "Bool": "?", "ComplexFloat": "c8",
          "ComplexDouble": "c16"}
JULIA = {"Float": "Float32", "Double": "Float64", "Half": "Float16", "Long": "Int64", "Int": "Int32", "Short": "Int16",
         "Char": "Int8", "Byte": "UInt8", "UInt16": "UInt16", "UInt32": "UInt32", "UInt64": "UInt64", "Bool": "Bool",
         "ComplexFloat": "<c8", "ComplexDouble": "<c16"}
M64 = 2**64 - 1


class Difference(Exception):
    pass


def expect(condition, *what):
    if not condition:
        raise Difference(" ".join(str(w)[:200] for w in what))


def mix(x):
    x = ((x ^ x >> 30) * 0xBF58476D1CE4E5B9) & M64
    x = ((x ^ x >> 27) * 0x94D049BB133111EB) & M64
    return x ^ x >> 31


GOLDEN = 0x9E3779B97F4A7C15


def rng_of_words(words):
    """What rng_words.h documents, written down a second time."""
    key = words[0]
    marked = [key] + [mix((key + i * GOLDEN) & M64) for i in (1, 2, 3)] + [int.from_bytes(b"luxtorch", "big")]
    if words == marked:
        return key
    key = int.from_bytes(b"TaskLoca", "big")
    for word in words:
        key = mix((key * GOLDEN + mix((word + GOLDEN) & M64)) & M64)
    return key


def tensor(tree):
    return np.frombuffer(bytes.fromhex(tree["bytes"]), DTYPES[tree["tensor"]]).reshape(tree["shape"])


def same_array(file, tree):
    expect("tensor" in tree, "expected a tensor, got", tree)
    expect(file["array"] == JULIA[tree["tensor"]], "dtype", file["array"], tree["tensor"])
    expect(file["shape"] == tree["shape"], "shape", file["shape"], tree["shape"])
    mine = tensor(tree)
    data = np.array(file["data_colmajor"], "f8" if mine.dtype.kind == "c" else mine.dtype)
    if mine.dtype.kind == "c":
        data = data.reshape(-1, 2)
        data = (data[:, 0] + 1j * data[:, 1]).astype(mine.dtype)
    theirs = data.reshape(file["shape"], order="F")
    expect(np.array_equal(theirs, mine, equal_nan=mine.dtype.kind in "fc"), "values", theirs, mine)
    if mine.dtype.kind == "f":
        expect(np.array_equal(np.signbit(theirs), np.signbit(mine)), "signs", theirs, mine)


def same_struct(name, fields, tree):
    if name == "Random.Xoshiro":
        words = [f["uint64"] for f in fields.values()]
        expect(tree == {"rng": rng_of_words(words)}, "rng", words, tree)
    elif name in ("Random.MersenneTwister", "StableRNGs.LehmerRNG"):
        expect("rng" in tree, "expected an Rng, got", tree)
    elif name.startswith("JLD2.InlineUnionEl"):
        chosen = "t1" if fields["mask"] == {"uint8": 0} else "t2"
        same(fields.get(chosen, {"nothing": True}) if chosen in fields else {"nothing": True}, tree)
    elif name.startswith("Dict{") and "pairs" in fields:
        same({"namedtuple": [[p["tuple"][0] if isinstance(p["tuple"][0], str) else p["tuple"][0]["symbol"], p["tuple"][1]]
                             for p in fields["pairs"]]}, tree)
    else:
        items = dict(tree["named"])
        expect(items.pop("julia_type", {}).get("string", "").split("{")[0] == name.split("{")[0], "type", name, tree)
        for key, value in fields.items():
            same(value, items.pop("value" if key.startswith("<written as") else key))
        expect(not items, "more fields than", fields.keys(), "got", items.keys())


def same_singleton(name, tree):
    if name in ("Val{True}", "Val{False}"):
        expect(tree == {"bool": name == "Val{True}"}, name, tree)
    elif name == "Missing":
        expect(tree == {"none": True}, name, tree)
    elif name == "Random.TaskLocalRNG":
        expect("rng" in tree, name, tree)
    else:
        expect(tree == {"named": [["julia_type", {"string": name}]]}, name, tree)


def same(file, tree):
    """file: a value of the checker's --json; tree: ours."""
    if isinstance(file, str):
        return expect(tree == {"string": file}, file, tree)
    kind = next(iter(file))
    value = file[kind]
    if "data_colmajor" in file:
        same_array(file, tree)
    elif "items" in file:
        expect(len(tree.get("tuple", "?")) == len(value and file["items"]), "elements", file, tree)
        for i, (a, b) in enumerate(zip(file["items"], tree["tuple"])):
            at(i, a, b)
    elif kind in ("namedtuple", "group"):
        pairs = list(value.items()) if kind == "group" else value
        expect("named" in tree, "expected names, got", tree)
        expect([k for k, _ in pairs] == [k for k, _ in tree["named"]], "keys", pairs, tree)
        for (key, a), (_, b) in zip(pairs, tree["named"]):
            at(key, a, b)
    elif kind == "tuple":
        expect(len(tree.get("tuple", "?")) == len(value), "elements", file, tree)
        for i, (a, b) in enumerate(zip(value, tree["tuple"])):
            at(i, a, b)
    elif kind == "struct":
        same_struct(value, file["fields"], tree)
    elif kind == "singleton":
        same_singleton(value, tree)
    elif kind == "symbol":
        expect(tree == {"string": value}, file, tree)
    elif kind == "nothing":
        expect(tree == {"none": True}, file, tree)
    elif kind == "type":
        expect(tree == {"named": [["julia_type", {"string": "Core.DataType"}], ["value", {"string": value}]]}, file, tree)
    elif kind == "complex":
        expect(tensor(tree).item() == complex(*value), file, tree)
    elif kind == "bool":
        expect(tree == {"bool": value}, file, tree)
    elif kind.startswith(("int", "uint")):
        expect(tree == {"int": value}, file, tree)
    elif kind.startswith("float"):
        expect(tree.get("double") == struct.pack("<d", value).hex() or value != value, file, tree)
    else:
        raise Difference(f"the checker says {file!r}, which this comparison does not know")


def at(key, file, tree):
    try:
        same(file, tree)
    except Difference as d:
        raise Difference(f"{key}: {d}") from None


def compare(path, ours):
    data = path.read_bytes()
    for level in ("mid", "new") if ours else ("new",):
        file, values, errors = verify_jld2.check(data, level)
        expect(not errors, "the checker refuses it at level", level, errors)
        expect(not (ours and file.warnings), "the checker warns at level", level, file.warnings)
    values = json.loads(json.dumps({k: verify_jld2.tojson(v) for k, v in values.items()}))
    same({"namedtuple": list(values.items())}, json.loads(path.with_suffix(".json").read_text()))


def main():
    sys.setrecursionlimit(10000)
    failed = 0
    folder = pathlib.Path(sys.argv[-1])
    paths = sorted(p for p in folder.glob("*.jld2") if p.with_suffix(".json").exists())
    for path in paths:
        try:
            compare(path, "--ours" in sys.argv)
        except (Difference, verify_jld2.JLD2Error) as problem:
            failed += 1
            print(f"{path.name}: {problem}")
    if not paths:
        print(f"no files to compare in {folder}")
    return 1 if failed or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
