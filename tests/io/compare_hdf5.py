#!/usr/bin/env python3
"""compare_hdf5.py FOLDER - do our files hold for h5py what our trees hold? And files of h5py's for us.

For every ours/NAME.h5 with a NAME.json (a tree as exact_json of jld2_corpus.cpp writes it): the same groups, in order, and
datasets with the same dtypes, shapes and bytes. Then writes theirs/NAME.h5, each with a NAME.json that says what tree it is
("tree"), whether io::load must read it ("checked") or refuse it, and a filter that libhdf5 may lack ("plugin").
Exit status 1 and one line per difference, 77 without h5py.
"""
import json
import pathlib
import sys

try:
    import h5py
    import numpy
except ImportError:
    sys.exit(77)

DTYPES = {"Float": "<f4", "Double": "<f8", "Half": "<f2", "Long": "<i8", "Int": "<i4", "Short": "<i2", "Char": "|i1",
          "Byte": "|u1", "UInt16": "<u2", "UInt32": "<u4", "UInt64": "<u8", "Bool": "|b1", "ComplexFloat": "<c8",
          "ComplexDouble": "<c16"}
NAMES = {dtype: name for name, dtype in DTYPES.items()}


# ------------------------------------------------------------------------------------------------------- trees as JSON

def number(array):
    """A tensor."""
    array = numpy.asarray(array)
    little = array.astype(array.dtype.newbyteorder("<"))
    return {"tensor": NAMES[little.dtype.str], "shape": list(array.shape), "bytes": little.tobytes().hex()}


def double(x):
    return {"double": numpy.float64(x).tobytes().hex()}


def named(**parts):
    return {"named": [[key, part] for key, part in parts.items()]}


def tupled(*parts):
    return {"tuple": list(parts)}


def text(value):
    return {"string": value}


# ----------------------------------------------------------------------------------------------------------- our files

def differences(item, tree, path=""):
    def differs(wanted, got):
        yield f"{path}: ours {str(wanted)[:80]}, h5py's {str(got)[:80]}"

    mark = item.attrs.get("luxtorch", b"").decode()
    if "named" in tree or "tuple" in tree:
        parts = tree["named"] if "named" in tree else [[str(i), part] for i, part in enumerate(tree["tuple"])]
        if not isinstance(item, h5py.Group) or list(item) != [key for key, _ in parts] or (mark == "tuple") != ("tuple" in tree):
            return (yield from differs(parts, (item, list(item), mark)))
        for key, part in parts:
            yield from differences(item[key], part, f"{path}/{key}")
    elif "tensor" in tree:
        wanted = (DTYPES[tree["tensor"]], tuple(tree["shape"]), bytes.fromhex(tree["bytes"]))
        got = (item.dtype.str, item.shape, item[()].tobytes())
        if wanted != got or mark != ("" if tree["shape"] else "tensor"):
            yield from differs(wanted, got)
    else:
        value = item[()]
        got = ({"none": isinstance(value, h5py.Empty)} if "none" in tree else
               {"string": item.asstr()[()]} if "string" in tree else
               {"bool": bool(value)} if item.dtype == bool else
               {"rng": int(value)} if mark == "rng" else
               {"int": int(value)} if item.dtype == "i8" else double(value))
        if got != tree or item.shape not in ((), None):
            yield from differs(tree, got)


def compare(folder):
    count = failed = 0
    for path in sorted(folder.glob("*.h5")):
        tree = json.loads(path.with_suffix(".json").read_text())
        with h5py.File(path) as file:
            if file.attrs.get("luxtorch") == b"value":
                found = list(differences(file["value"], tree))
            else:
                found = list(differences(file, tree))
            chunks = [d.chunks for d in file.values() if isinstance(d, h5py.Dataset) and d.chunks]
        if path.name == "large.h5" and chunks != [(2, 100, 500)]:
            found.append(f"chunks {chunks}")
        for line in found:
            print(f"{path.name}: {line}")
        count += 1
        failed += bool(found)
    if not count:
        print("no files to compare")
    return 1 if failed or not count else 0


# --------------------------------------------------------------------------------------------------------- h5py's files

class Theirs:
    def __init__(self, folder, libver):
        self.folder, self.libver = folder, libver
        folder.mkdir(parents=True, exist_ok=True)

    def file(self, name, tree, checked=True, plugin="", userblock=0, **options):
        path = self.folder / f"{name}_{self.libver}.h5"
        path.with_suffix(".json").write_text(json.dumps({"tree": tree, "checked": checked, "plugin": plugin}))
        return h5py.File(path, "w", libver=(self.libver, "v110"), userblock_size=userblock, **options)

    def every_dtype(self):
        little, big = {}, {}
        for code in sorted(DTYPES.values(), key=lambda code: code[1:]):
            values = numpy.arange(24, dtype="f8").reshape(2, 3, 4)
            values = values % 3 == 0 if code == "|b1" else values * (1 + 2j) if "c" in code else values
            little[code[1:]] = values.astype(code)
            big[code[1:]] = values.astype(">" + code[1:])
        for name, arrays in (("little", little), ("big", big)):
            with self.file(name, named(**{k: number(v) for k, v in arrays.items()})) as file:
                for key, array in arrays.items():
                    file[key] = array

    def scalars(self):
        values = {"a_bool": ({"bool": True}, numpy.bool_(True)), "a_float": (double(0.5), numpy.float32(0.5)),
                  "complex": (number(numpy.complex128(1 + 2j)), 1 + 2j), "double": (double(0.1), 0.1),
                  "empty": ({"none": True}, h5py.Empty("f4")), "int": ({"int": -3}, -3), "text": (text("h\u00e9"), "h\u00e9"),
                  "uint64": (number(numpy.uint64(2 ** 63)), numpy.uint64(2 ** 63)), "uint8": ({"int": 7}, numpy.uint8(7))}
        with self.file("scalars", named(**{k: tree for k, (tree, _) in values.items()})) as file:
            for key, (_, value) in values.items():
                file[key] = value

    def storage(self):
        array = numpy.arange(35 * 21, dtype="f4").reshape(35, 21)
        kinds = {"chunked": {"chunks": (4, 5)}, "deflated": {"chunks": (4, 5), "compression": "gzip"},
                 "growing": {"chunks": (4, 5), "maxshape": (None, None)}, "shuffle": {"chunks": (4, 5), "compression": 9, "shuffle": True}}
        with self.file("storage", named(**{k: number(array) for k in kinds})) as file:
            for key, options in kinds.items():
                file.create_dataset(key, data=array, **options)
        whole = numpy.arange(40, dtype="i4")
        with self.file("scaleoffset", named(a=number(whole))) as file:
            file.create_dataset("a", data=whole, chunks=(7,), scaleoffset=0)
        with self.file("fletcher32", named(a=number(whole), b=number(whole))) as file:
            file.create_dataset("a", data=whole, chunks=(7,), fletcher32=True)
            file.create_dataset("b", data=whole, chunks=(7,), fletcher32=True, shuffle=True, compression=4)
        bf16 = numpy.arange(24, dtype="u2").reshape(4, 6)
        halves = {"tensor": "Byte", "shape": [4, 6, 2], "bytes": bf16.tobytes().hex()}
        with self.file("opaque_array", named(a=halves)) as file:
            file.create_dataset("a", data=bf16.view("V2"), chunks=(3, 2))
        with self.file("lzf", named(a=number(array), b=number(array)), plugin="filter 32000 lzf") as file:
            file.create_dataset("a", data=array, chunks=(30, 10), compression="lzf")
            file.create_dataset("b", data=array, chunks=(30, 10), compression="lzf", shuffle=True)
        with self.file("unwritten", named(a=number(numpy.full((3, 4), 7, "f4")), b=number(numpy.zeros((0, 3), "f8")))) as file:
            file.create_dataset("a", (3, 4), "f4", chunks=(2, 2), fillvalue=7)
            file.create_dataset("b", (0, 3), "f8")
        with self.file("external", named(a=number(whole)), checked=False) as file:
            raw = self.folder / f"raw_{self.libver}.bin"
            file.create_dataset("a", data=whole, external=[(str(raw), 0, h5py.h5f.UNLIMITED)])
        with self.file("virtual", named(a=number(whole), b=number(whole)), checked=False) as file:
            layout = h5py.VirtualLayout((40,), "i4")
            layout[:] = h5py.VirtualSource(".", "a", (40,))
            file["a"] = whole
            file.create_virtual_dataset("b", layout)

    def texts(self):
        fixed = numpy.array([b"ab", b"c", b""], "S3")
        words = [["a", "b\u2202"], ["", "dd"], ["e", "f"]]
        tree = named(fixed=tupled(text("ab"), text("c"), text("")), one=text("ab"), utf8=text("h\u00e9"),
                     words=tupled(*(tupled(*map(text, row)) for row in words)))
        with self.file("texts", tree) as file:
            file["fixed"], file["one"] = fixed, fixed[0]
            file.create_dataset("utf8", data="h\u00e9".encode(), dtype=h5py.string_dtype("utf-8", 10))
            file["words"] = words

    def records(self):
        dtype = numpy.dtype([("id", "i4"), ("x", "f8")])
        table = numpy.array([(1, 0.5), (2, 1.5)], dtype)
        rows = [named(id={"int": int(i)}, x=double(x)) for i, x in table]
        with self.file("records", named(one=rows[0], table=tupled(*rows))) as file:
            file["one"], file["table"] = table[0], table
        ragged = [numpy.arange(n, dtype="i2") for n in (3, 0, 2)]
        colours = numpy.array([1, 0, 1], "i2")
        with self.file("lists", named(colours=number(colours), ragged=tupled(*map(number, ragged)))) as file:
            file.create_dataset("colours", data=colours, dtype=h5py.enum_dtype({"red": 0, "blue": 1}, "i2"))
            lists = file.create_dataset("ragged", (3,), h5py.vlen_dtype("i2"))
            for i, part in enumerate(ragged):
                lists[i] = part
        with self.file("opaque", named(a=number(numpy.frombuffer(b"\0ab", "u1")))) as file:
            file["a"] = numpy.void(b"\0ab")
        inner = numpy.arange(12, dtype="f4").reshape(2, 6)
        record = numpy.array([(1, [[1, 2], [3, 4]])], [("id", ">i4"), ("x", ">f8", (2, 2))])
        row = named(id={"int": 1}, x=number(record["x"][0].astype("f8")))
        with self.file("arrays", named(a=number(inner.reshape(2, 2, 3)), b=tupled(row))) as file:
            file.create_dataset("a", (2,), numpy.dtype(("f4", (2, 3))))
            file["a"][...] = inner.reshape(2, 2, 3)
            file["b"] = record

    def structure(self):
        array = numpy.arange(3, dtype="f4")
        three = number(array)
        with self.file("attributes", named(a=three, g=named())) as file:
            file["a"] = array
            file.create_group("g")
            for item in (file, file["a"], file["g"]):
                item.attrs.update({"text": "x", "list": ["a", "b"], "number": numpy.float64(1), "big": numpy.arange(3, dtype=">f4"),
                                   "array": numpy.zeros(1, numpy.dtype(("f4", (2,)))), "empty": h5py.Empty("f4")})
        groups = {f"g{i}": three for i in range(20)}
        by_name = named(**{k: groups[k] for k in sorted(groups)})
        with self.file("by_name", named(large=by_name, small=named(a=three, b=three))) as file:
            for key in groups:
                file[f"large/{key}"] = array
            file["small/b"], file["small/a"] = array, array
        with self.file("tracked", named(z=named(**groups), b=named(y=three, a=three)), track_order=True) as file:
            for key, group in (("z", groups), ("b", ["y", "a"])):
                created = file.create_group(key, track_order=True)
                for part in group:
                    created[part] = array
        with self.file("nested_names", {"named": [["0", named(bias=three, weight=three)], ["1", named(bias=three)]]}) as file:
            for key in ("0.weight", "0.bias", "1.bias"):
                file[key] = array
        with self.file("types", named(a=three)) as file:
            file["type"] = numpy.dtype("f4")
            file.create_dataset("a", data=array, dtype=file["type"])
        with self.file("links", named(a=three, b=three, outside=three, soft=three), checked=False) as file:
            file["a"] = array
            file["b"] = file["a"]
            file["soft"] = h5py.SoftLink("/a")
            file["outside"] = h5py.ExternalLink(f"types_{self.libver}.h5", "/a")
        with self.file("dangling", "links that lead to an object", checked=False) as file:
            file["gone"] = h5py.SoftLink("/nowhere")
        with self.file("circle", "groups that do not contain themselves", checked=False) as file:
            file.create_group("a")["again"] = file
        with self.file("references", named(a=three, none={"none": True}, refs=tupled(three, three)), checked=True) as file:
            file["a"] = array
            file["refs"] = numpy.array([file["a"].ref, file["a"].ref], h5py.ref_dtype)
            file["none"] = h5py.Empty("i4")

    def matlab(self):
        """As MATLAB's save -v7.3 lays a file out: a user block, classes as attributes, dimensions the other way round."""
        tree = named(cells=tupled(), count=number(numpy.full((1, 1), 42.0)), flags=number(numpy.array([[True, False]])),
                     name=text("h\u00e9llo"), no_flags=number(numpy.zeros((0, 0), "?")), no_ints=number(numpy.zeros((5, 0), "i4")),
                     no_singles=number(numpy.zeros((5, 0), "f4")), nobody=number(numpy.zeros((5, 0))),
                     ps=named(weight=number(numpy.arange(6.0).reshape(2, 3))))
        with self.file("matlab", tree, userblock=512) as file:
            def put(group, name, array, kind, **attributes):
                group[name] = array
                for key, value in {"MATLAB_class": numpy.bytes_(kind), **attributes}.items():
                    group[name].attrs[key] = value
            put(file, "count", numpy.full((1, 1), 42.0), "double")
            put(file, "flags", numpy.array([[1, 0]], "u1"), "logical", MATLAB_int_decode=numpy.int32(1))
            put(file, "name", numpy.frombuffer("h\u00e9llo".encode("utf-16-le"), "u2").reshape(5, 1), "char",
                MATLAB_int_decode=numpy.int32(2))
            for key, kind, shape in (("cells", "cell", [0, 0]), ("no_flags", "logical", [0, 0]), ("no_ints", "int32", [0, 5]),
                                     ("no_singles", "single", [0, 5])):
                put(file, key, numpy.array(shape, "u8"), kind, MATLAB_empty=numpy.uint8(1))
            put(file, "nobody", numpy.array([0, 5], "u8"), "double", MATLAB_empty=numpy.uint8(1))
            put(file.create_group("ps"), "weight", numpy.arange(6.0).reshape(2, 3), "double")
            file["ps"].attrs["MATLAB_class"] = numpy.bytes_("struct")
        path = self.folder / f"matlab_{self.libver}.h5"
        with open(path, "r+b") as raw:
            raw.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64, HDF5 schema 1.00 .".ljust(116) + b"\0" * 8 + b"\0\2IM")


def main():
    folder = pathlib.Path(sys.argv[1])
    for libver in ("earliest", "v110"):
        theirs = Theirs(folder / "theirs", libver)
        for part in (theirs.every_dtype, theirs.scalars, theirs.storage, theirs.texts, theirs.records, theirs.structure, theirs.matlab):
            part()
    return compare(folder / "ours")


if __name__ == "__main__":
    sys.exit(main())
