"""The program luxtorch as a person and a script run it: what it prints, what it writes, how it ends."""

import json
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib
from pathlib import Path

import pages

SOURCE = Path(os.environ["LUXTORCH_SOURCE_DIR"])
BUILD = Path(os.environ["LUXTORCH_BUILD_DIR"])
PROGRAM = BUILD / "bin/luxtorch"
CACHE = dict(re.findall(r"^(\w+):\w+=(.*)$", (BUILD / "CMakeCache.txt").read_text(), re.MULTILINE))
HAS_HDF5 = CACHE.get("LUXTORCH_WITH_HDF5") != "OFF" and CACHE.get("HDF5_CXX_LIBRARY_hdf5_cpp", "").startswith("/")
FORMATS = ["safetensors", "pt", "pth", "npz"] + (["jld2", "h5"] if HAS_HDF5 else [])
GOLDEN = SOURCE / "tests/golden/jld2"
FROM_JULIA = [GOLDEN / v / f"{name}.jld2" for v in ("0.4.17", "0.6.5") for name in ("trained_model_norng", "trained_model_xoshiro", "zoo")]
CODES = {"F32": "f", "F64": "d", "I64": "q", "U8": "B"}
NAN, INF = float("nan"), float("inf")


def write_safetensors(path, **tensors):
    """name = (dtype, shape, values); two underscores in a name are a dot."""
    header, data = {}, b""
    for name, (dtype, shape, values) in tensors.items():
        part = struct.pack(f"<{len(values)}{CODES[dtype]}", *values)
        header[name.replace("__", ".")] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


@unittest.skipUnless(PROGRAM.exists(), "the program luxtorch is not built: it needs CLI11 (libcli11-dev)")
class LuxtorchTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.model = self.folder / "model.safetensors"
        write_safetensors(self.model, lstm__weight=("F32", [2, 3], [1, 2, 3, 4, 5, 6]), lstm__bias=("F32", [2], [0.5, -0.5]),
                          step=("I64", [], [7]))

    def call(self, *arguments, status=0, **environment):
        result = subprocess.run([PROGRAM, *arguments], cwd=self.folder, text=True, env={**os.environ, **environment},
                                capture_output=True)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        return result

    def refuses(self, *arguments, status=1, says):
        """One line on stderr, nothing on stdout."""
        result = self.call(*arguments, status=status)
        self.assertEqual(result.stdout, "")
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        self.assertTrue(result.stderr.startswith("luxtorch: "), result.stderr)
        self.assertRegex(result.stderr, says)

    def in_every_format(self):
        for extension in FORMATS:
            path = self.folder / f"as.{extension}"
            self.call("convert", "--force", self.model, path)
            yield path

    # ------------------------------------------------------------------------------------------------ inspect

    def test_inspect_lists_every_tensor_with_its_numbers(self):
        lines = [re.split(r"  +", line) for line in self.call("inspect", self.model).stdout.splitlines()]
        self.assertEqual(lines, [
            ["path", "type", "shape", "bytes", "mean", "sd"],
            ["lstm.weight", "float32", "(2, 3)", "24", "3.5", "1.871"],
            ["lstm.bias", "float32", "(2,)", "8", "0", "0.7071"],
            ["step", "int64", "()", "8", "7", "-"],
            ["total: 3 tensors, 9 numbers, 40 bytes; 0 others"]])

    def test_inspect_says_the_same_of_every_format(self):
        wanted = None
        for path in self.in_every_format():
            said = json.loads(self.call("inspect", "--json", path).stdout)
            self.assertEqual(said.pop("file"), str(path))
            wanted = wanted or said
            self.assertEqual(said, wanted, path)
        self.assertEqual([e["path"] for e in wanted["entries"]], ["lstm.weight", "lstm.bias", "step"])
        weight = wanted["entries"][0]
        self.assertEqual({k: weight[k] for k in ("type", "shape", "bytes", "mean", "min", "max", "nan", "infinite")},
                         {"type": "float32", "shape": [2, 3], "bytes": 24, "mean": 3.5, "min": 1, "max": 6, "nan": 0, "infinite": 0})
        self.assertAlmostEqual(weight["sd"], 3.5 ** 0.5, places=14)
        self.assertEqual(wanted["total"], {"tensors": 3, "numbers": 9, "bytes": 40, "others": 0})

    def test_mean_and_deviation_hold_over_many_parts_and_far_from_zero(self):
        n = 200_001
        write_safetensors(self.model, x=("F64", [n], [1e9 + i for i in range(n)]))
        entry = json.loads(self.call("inspect", "--json", self.model).stdout)["entries"][0]
        self.assertAlmostEqual(entry["mean"], 1e9 + (n - 1) / 2, delta=1e-5)
        self.assertAlmostEqual(entry["sd"] / (n * (n + 1) / 12) ** 0.5, 1, delta=1e-9)

    def test_inspect_counts_what_is_not_finite_beside_the_rest(self):
        write_safetensors(self.model, x=("F32", [5], [1, NAN, 3, -INF, INF]))
        self.assertRegex(self.call("inspect", self.model).stdout, r"x +float32 +\(5,\) +20 +2 +1\.414 +1 NaN, 2 infinite\n")
        entry = json.loads(self.call("inspect", "--json", self.model).stdout)["entries"][0]
        self.assertEqual((entry["mean"], entry["nan"], entry["infinite"], entry["min"]), (2, 1, 2, 1))

    def test_float4_is_shown_compared_and_verified_by_its_numbers(self):
        lines = self.call("inspect", SOURCE / "tests/golden/files/float4.safetensors").stdout.splitlines()
        numbers = [0, 0, 0.5, 0, 1, 0, 1.5, 0, 2, 0, 3, 0, 4, 0, 6, 0]
        mean = sum(numbers) / 16
        deviation = (sum((x - mean) ** 2 for x in numbers) / 15) ** 0.5
        self.assertEqual(re.split(r"  +", lines[1]), ["w", "Float4_e2m1fn_x2", "(2, 4)", "8", f"{mean:.4g}", f"{deviation:.4g}"])
        self.assertEqual(lines[2], "total: 1 tensor, 16 numbers, 8 bytes; 0 others")
        data = (SOURCE / "tests/golden/files/float4.safetensors").read_bytes()
        (self.folder / "a.safetensors").write_bytes(data)
        (self.folder / "b.safetensors").write_bytes(data[:-1] + b"\xf7")  # 6, -6 in place of 6, 0
        self.call("diff", "a.safetensors", "a.safetensors")
        said = self.call("diff", "a.safetensors", "b.safetensors", status=1).stdout
        self.assertRegex(said, r"w +6 +1 +1 of 16")
        self.assertIn("good: 1 tensors, 16 numbers", self.call("verify", "b.safetensors").stdout)

    def test_inspect_of_a_model_from_julia_shows_its_scalars(self):
        seen = ""
        for path in FROM_JULIA:
            seen += self.call("inspect", path).stdout
            entries = json.loads(self.call("inspect", "--json", path).stdout)["entries"]
            self.assertGreater(len(entries), 0, path)
        self.assertRegex(seen, r"(?m)^\S*weight_ih +float32 +\(\d+, \d+\)")
        self.assertRegex(seen, r"(?m)^\S+ +(bool +true|int64 +\d+|string +\"|float64 +\d)")

    def test_the_sample_in_the_guide_is_what_is_printed(self):
        sample = pages.block("docs/guides/files.md", "At the terminal", "")
        self.assertEqual(self.call("inspect", GOLDEN / "0.6.5/trained_model_xoshiro.jld2").stdout, sample)

    def test_names_that_would_command_a_terminal_are_escaped(self):
        write_safetensors(self.model, **{"a\x1b[2J\nb\x9b\u202e": ("U8", [1], [1])})
        self.assertIn("a\\x1b[2J\\nb??  uint8", self.call("inspect", self.model).stdout)

    def test_output_that_cannot_be_written_is_an_error(self):
        with open("/dev/full", "w") as full:
            result = subprocess.run([PROGRAM, "inspect", self.model], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual((result.returncode, result.stderr), (1, "luxtorch: the output could not be written\n"))

    # --------------------------------------------------------------------------------------------------- diff

    def test_diff_of_equal_files_in_any_two_formats_is_0(self):
        files = list(self.in_every_format())
        for a, b in zip(files, files[1:] + files[:1]):
            self.assertRegex(self.call("diff", a, b).stdout, r"^equal: 3 entries")

    def test_diff_names_the_largest_difference_first_and_ends_with_1(self):
        other = self.folder / "other.safetensors"
        write_safetensors(other, lstm__weight=("F32", [2, 3], [1, 2, 3, 4, 5, 8]), lstm__bias=("F32", [2], [0.5, -1]),
                          step=("I64", [], [7]))
        lines = [line.split() for line in self.call("diff", self.model, other, status=1).stdout.splitlines()]
        self.assertEqual(lines[1:3], [["lstm.bias", "0.5", "0.5", "1", "of", "2"], ["lstm.weight", "2", "0.25", "1", "of", "6"]])
        self.assertNotIn("lstm.weight", self.call("diff", "--tolerance", "0.25", self.model, other, status=1).stdout)
        self.assertRegex(self.call("diff", "--tolerance", "0.5", self.model, other).stdout, "^equal: 3 entries.* 0.5 at most")

    def test_diff_names_paths_of_one_file_alone_and_other_shapes_and_types(self):
        other = self.folder / "other.safetensors"
        write_safetensors(other, lstm__weight=("F32", [3, 2], [1, 2, 3, 4, 5, 6]), lstm__more=("U8", [1], [1]),
                          step=("F32", [], [7]))
        said = self.call("diff", "--tolerance", "9", self.model, other, status=1).stdout
        self.assertIn("lstm.weight: float32 (2, 3) in A, float32 (3, 2) in B\n", said)
        self.assertRegex(said, r"only in A: lstm\.bias +float32 \(2,\)\n")
        self.assertRegex(said, r"only in B: lstm\.more +uint8 \(1,\)\n")
        self.assertIn("step: int64 () in A, float32 () in B\n", said)

    def test_diff_sees_one_bit_of_a_large_integer_and_a_nan(self):
        a, b = self.folder / "a.safetensors", self.folder / "b.safetensors"
        write_safetensors(a, n=("I64", [2], [2 ** 62, -1]), x=("F32", [2], [NAN, INF]))
        write_safetensors(b, n=("I64", [2], [2 ** 62 + 1, -1]), x=("F32", [2], [NAN, INF]))
        said = self.call("diff", a, b, status=1).stdout
        self.assertRegex(said, r"(?m)^n +1 +2.168e-19 +1 of 2$")
        self.assertNotRegex(said, r"(?m)^x ")
        write_safetensors(b, n=("I64", [2], [2 ** 62, -1]), x=("F32", [2], [0, INF]))
        self.assertRegex(self.call("diff", "--tolerance", "1e300", a, b, status=1).stdout, r"(?m)^x +inf +inf +1 of 2$")

    def test_diff_of_a_file_that_cannot_be_read_is_2_and_not_1(self):
        self.refuses("diff", self.model, "absent.npz", status=2, says="absent.npz")

    # ------------------------------------------------------------------------------------------------ convert

    def test_convert_and_back_gives_the_same_bytes(self):
        self.call("convert", self.model, "first.safetensors")
        for path in self.in_every_format():
            self.call("convert", "--force", path, "again.safetensors")
            self.assertEqual((self.folder / "first.safetensors").read_bytes(), (self.folder / "again.safetensors").read_bytes())

    def test_models_from_julia_come_out_equal_in_formats_that_hold_every_tree(self):
        for path in FROM_JULIA:
            # safetensors has no complex128, which the zoo holds.
            for extension in ("pt", "npz") if path.stem == "zoo" else ("safetensors", "npz"):
                self.call("convert", "--force", path, f"julia.{extension}")
                self.assertRegex(self.call("diff", path, f"julia.{extension}").stdout, "^equal")

    def test_convert_replaces_a_file_only_with_force_and_keeps_it_after_an_error(self):
        out = self.folder / "out.npz"
        out.write_text("precious")
        self.refuses("convert", self.model, out, says="out.npz, which is there. --force replaces it")
        self.refuses("convert", "--force", "absent.pt", out, says="absent.pt")
        self.assertEqual(out.read_text(), "precious")
        self.call("convert", "--force", self.model, out)
        self.call("diff", self.model, out)
        (self.folder / "link.npz").symlink_to("nowhere.npz")
        self.refuses("convert", self.model, "link.npz", says="--force")

    def test_what_a_format_cannot_hold_and_unknown_names_leave_nothing_behind(self):
        self.refuses("convert", self.model, "one.npy", says="npy")
        self.refuses("convert", self.model, "model.onnx", says=r"onnx")
        self.refuses("convert", self.model, "no/such/folder.npz", says="no/such")
        self.refuses("convert", "--compress", self.model, "model.pt", status=2, says="--compress")
        self.assertEqual([p.name for p in self.folder.iterdir()], ["model.safetensors"])

    def test_compress_makes_a_smaller_file_of_the_same_numbers(self):
        write_safetensors(self.model, zeros=("F32", [100, 100], [0] * 10_000))
        for extension in set(FORMATS) & {"jld2", "h5", "npz"}:
            self.call("convert", "--compress", self.model, f"small.{extension}")
            self.assertLess((self.folder / f"small.{extension}").stat().st_size, 20_000)
            self.call("diff", self.model, f"small.{extension}")

    def test_files_that_python_wrote_come_out_equal_in_python(self):
        code = """
import sys, numpy, torch
if sys.argv[1] == "write":
    module = torch.nn.LSTM(2, 3, bias=True)
    torch.save(module.state_dict(), "python.pt")
    numpy.savez("python.npz", **{k: v.numpy() for k, v in module.state_dict().items()})
else:
    a, b = torch.load("python.pt", weights_only=True), torch.load("back.pt", weights_only=True)
    c = numpy.load("back.npz")
    assert list(a) == list(b) == list(c), (list(a), list(b), list(c))
    assert all(torch.equal(a[k], b[k]) and numpy.array_equal(a[k].numpy(), c[k]) for k in a)
"""
        def python(what):
            return subprocess.run([sys.executable, "-c", code, what], cwd=self.folder, text=True, capture_output=True)

        written = python("write")
        if "ModuleNotFoundError" in written.stderr:
            self.skipTest("Python has no torch or no numpy")
        self.assertEqual(written.returncode, 0, written.stderr)
        self.assertIn("equal: 4 entries", self.call("diff", "python.pt", "python.npz").stdout)
        self.call("convert", "python.npz", "back.pt")
        self.call("convert", "python.pt", "back.npz")
        read = python("read")
        self.assertEqual(read.returncode, 0, read.stderr)

    def test_names_that_are_a_leaf_and_a_group_stay_what_they_are(self):
        bnb = SOURCE / "tests/golden/files/bnb4bit.safetensors"
        names = ["q.weight", "q.weight.absmax", "q.weight.quant_map"]
        for extension in FORMATS:
            path = self.folder / f"bnb.{extension}"
            self.call("convert", bnb, path)
            self.assertIn("equal: 3 entries", self.call("diff", bnb, path).stdout)
            self.assertIn("good: 3 tensors", self.call("verify", path).stdout)
            shown = json.loads(self.call("inspect", "--json", path).stdout)["entries"]
            self.assertEqual(sorted(e["path"] for e in shown), names)
        write_safetensors(self.folder / "alone.safetensors", q__weight__absmax=("F32", [1], [1]))
        write_safetensors(self.folder / "both.safetensors", q__weight__absmax=("F32", [1], [3]), q__weight=("U8", [1], [7]))
        said = self.call("diff", "alone.safetensors", "both.safetensors", status=1).stdout
        self.assertIn("only in B: q.weight  uint8", said)
        self.assertRegex(said, r"q\.weight\.absmax +2 +0\.6667 +1 of 1")
        self.assertNotIn("%", said)

    def test_other_files_are_named_for_what_they_are(self):
        files = {"lfs.pt": (SOURCE / "tests/golden/files/lfs_pointer.safetensors").read_bytes(), "page.npz": b"<!DOCTYPE html><html>",
                 "empty.safetensors": b"", "a.jld2": b"\x1f\x8b\x08\0\0", "a.pt": b"\x80\x04\x95\x0b\0\0\0\0\0\0\0}\x94."}
        kinds = ["a Git LFS pointer. Fetch", "an HTML page", "an empty file", "a gzip file. Unpack it", "a Python pickle"]
        for (name, data), kind in zip(files.items(), kinds):
            (self.folder / name).write_bytes(data)
            for command in (["inspect", name], ["convert", name, "new.npz"]):
                self.refuses(*command, says=f"{name}: expected .*, got {kind}")
            self.refuses("diff", name, self.model, status=2, says=f"{name}: expected .*, got {kind}")
            self.assertRegex(self.call("verify", name, status=1).stdout, f"^{name}: not readable: .*, got {kind}")

    # ------------------------------------------------------------------------------------------------- doctor

    def doctor(self, **environment):
        return json.loads(self.call("doctor", "--json", **environment).stdout)

    def test_doctor_says_the_same_to_people_and_to_scripts(self):
        found = self.doctor()
        self.assertEqual(list(found), ["build", "LibTorch", "machine", "vectors", "kernels", "libraries", "environment"])
        lines = self.call("doctor").stdout.splitlines()
        self.assertEqual([line for line in lines if not line.startswith(" ")], list(found))
        said = [re.split(r"  +", line.strip(), maxsplit=1) for line in lines if line.startswith(" ")]
        self.assertEqual(said, [[name, value] for section in found.values() for name, value in section.items()])
        self.assertLess(len(lines), 60)  # one page

    def test_doctor_tells_what_was_built(self):
        found = self.doctor(OMP_NUM_THREADS="2")
        self.assertEqual(f"luxtorch {found['build']['luxtorch']}\n", self.call("--version").stdout)
        self.assertRegex(found["build"]["compiler"], r"^(GCC|Clang) \d+\.\d+")
        self.assertRegex(found["LibTorch"]["version"], r"^\d+\.\d+\.\d+")
        self.assertEqual(found["LibTorch"]["threads"], "2")
        self.assertEqual(found["environment"]["OMP_NUM_THREADS"], "2")
        self.assertEqual(found["libraries"]["HDF5"].startswith("yes"), HAS_HDF5)

    def test_doctor_asks_the_kernels(self):
        found = self.doctor()
        self.assertEqual(list(found["vectors"].values()).count("chosen"), 1)
        for name, ran in found["kernels"].items():
            self.assertRegex(ran, r"^fused$|^reference \(.+\)$", name)
        self.assertEqual(found["kernels"]["LSTM, 4 sequences of 8 steps, float32"], "fused")
        self.assertEqual(found["kernels"]["LSTM, 4 sequences of 8 steps, bfloat16"], "reference (dtype is not float32 or float64)")
        plain = self.doctor(LUXTORCH_PLAIN_RECURRENCE="1")
        self.assertEqual(plain["kernels"]["LSTM, 4 sequences of 8 steps, float32"], "reference (fused kernels are disabled)")
        self.assertEqual(plain["environment"]["LUXTORCH_PLAIN_RECURRENCE"], "1")

    def test_doctor_keeps_other_variables_to_itself(self):
        self.assertNotIn("swordfish", self.call("doctor", SECRET_TOKEN="swordfish").stdout)

    # ------------------------------------------------------------------------------------------------- verify

    def test_verify_finds_whole_files_good(self):
        for path in [*self.in_every_format(), *FROM_JULIA]:
            self.assertRegex(self.call("verify", path).stdout, r": good: \d+ tensors, [\d_]+ numbers, all finite\n$")

    def test_verify_names_the_path_and_the_count_of_what_is_not_finite(self):
        write_safetensors(self.model, a__x=("F32", [4], [1, NAN, NAN, -INF]), a__y=("F32", [1], [1]))
        for path in self.in_every_format():
            said = self.call("verify", path, status=1).stdout
            self.assertEqual(said, f"{path}: not finite: a.x: 2 NaN and 1 infinite of 4\n")

    def test_verify_finds_files_that_are_cut_not_readable(self):
        for path in self.in_every_format():
            whole = path.read_bytes()
            for size in (0, len(whole) // 2, len(whole) - 1):
                path.write_bytes(whole[:size])
                result = self.call("verify", path, status=1)
                self.assertRegex(result.stdout, r"^.*: not readable: .+\n$", f"{path} cut to {size}")
                self.assertEqual(result.stderr, "")
            self.refuses("inspect", path, says=r"\[")
            self.refuses("convert", path, "new.npz", says=r"\[")
            self.assertFalse((self.folder / "new.npz").exists())

    def test_verify_compares_the_checksums_that_zip_archives_have(self):
        for path in self.in_every_format():
            if path.suffix not in (".pt", ".npz"):
                continue
            damaged = bytearray(path.read_bytes())
            damaged[damaged.index(struct.pack("<6f", 1, 2, 3, 4, 5, 6)) + 3] ^= 1
            path.write_bytes(damaged)
            self.assertIn(": not readable: ", self.call("verify", path, status=1).stdout)

    def test_verify_of_what_is_no_file_is_1(self):
        for path in ("absent.jld2", self.folder):
            self.assertIn("not readable", self.call("verify", path, status=1).stdout)

    @unittest.skipIf(CACHE.get("LUXTORCH_SANITIZE"), "the sanitizers' own signal handlers stand before it")
    def test_a_reader_that_crashes_or_never_ends_is_a_verdict(self):
        for name, body, arguments, verdict in (
                ("crash", "raise(SIGSEGV)", [], r"not readable: its reader crashed \(.+\)"),
                ("hang", "pause()", ["--seconds", "1"], "not readable: reading took more than 1 s")):
            code, library = self.folder / f"{name}.cpp", self.folder / f"{name}.so"
            code.write_text("#include <pthread.h>\n#include <signal.h>\n#include <unistd.h>\nnamespace {\n"
                            f"void child() {{ {body}; }}\n"
                            "__attribute__((constructor)) void start() { pthread_atfork(nullptr, nullptr, child); }\n}\n")
            subprocess.run([os.environ["LUXTORCH_CXX"], "-shared", "-fPIC", "-o", library, code], check=True)
            result = self.call("verify", *arguments, self.model, status=1, LD_PRELOAD=str(library))
            self.assertRegex(result.stdout, f"^{re.escape(str(self.model))}: {verdict}\n$")
            self.assertEqual(result.stderr, "")

    def zeros_npz(self, megabytes):
        """An archive of that many MiB of zeros in one array, which deflate makes a thousandth."""
        text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({megabytes * 2 ** 20},), }}\n".encode()
        head = b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text
        deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
        data = deflater.compress(head) + deflater.flush(zlib.Z_FULL_FLUSH)
        piece = deflater.compress(bytes(2 ** 20)) + deflater.flush(zlib.Z_FULL_FLUSH)
        data += piece * megabytes + deflater.flush()
        checksum = zlib.crc32(head)
        for _ in range(megabytes):
            checksum = zlib.crc32(bytes(2 ** 20), checksum)
        sizes = struct.pack("<III", checksum, len(data), len(head) + megabytes * 2 ** 20)
        local = b"PK\3\4" + struct.pack("<HHHHH", 20, 0, 8, 0, 33) + sizes + struct.pack("<HH", 5, 0) + b"x.npy" + data
        entry = b"PK\1\2" + struct.pack("<HHHHHH", 20, 20, 0, 8, 0, 33) + sizes + struct.pack("<HHHHHII", 5, 0, 0, 0, 0, 0, 0)
        entry += b"x.npy"
        path = self.folder / f"zeros{megabytes}.npz"
        path.write_bytes(local + entry + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(entry), len(local), 0))
        return path

    @unittest.skipIf(CACHE.get("LUXTORCH_SANITIZE"), "the sanitizers take memory of their own and end a program without it")
    def test_verify_reads_within_1_gb_beside_the_file_or_as_much_as_is_asked_for(self):
        small, large = self.zeros_npz(300), self.zeros_npz(1200)
        self.assertIn("good: 1 tensor", self.call("verify", small).stdout)
        self.assertIn("good: 1 tensor", self.call("verify", "--memory", "0", small).stdout)
        self.assertIn("good: 1 tensor", self.call("verify", "--memory", "500", small).stdout)
        for arguments, path, limit in ((["--memory", "200"], small, 200), ([], large, 1001)):
            said = self.call("verify", *arguments, path, status=1).stdout
            self.assertEqual(said, f"{path}: not readable: reading took more than {limit} MB of memory; --memory allows more\n")

    @unittest.skipIf(CACHE.get("LUXTORCH_SANITIZE"), "the sanitizers take memory of their own and end a program without it")
    def test_verify_of_a_small_file_that_claims_gigabytes_ends_within_its_memory(self):
        code = ("import h5py\nwith h5py.File('claims.h5', 'w') as f:\n"
                "    for i in range(9): f.create_dataset(f'x{i}', (2 ** 27,), 'u1')\n")
        written = subprocess.run([sys.executable, "-c", code], cwd=self.folder, text=True, capture_output=True)
        if "ModuleNotFoundError" in written.stderr:
            self.skipTest("Python has no h5py")
        self.assertEqual(written.returncode, 0, written.stderr)
        self.assertRegex(self.call("verify", "claims.h5", status=1).stdout, "^(claims.h5: not readable: .+\n)+$")

    def test_verify_finds_a_nan_in_the_narrow_types_of_keras(self):
        code = ("import h5py, numpy\nwith h5py.File('keras.h5', 'w') as f:\n"
                "    for name, nan in (('bfloat16', b'\\xc0\\x7f'), ('float8_e4m3fn', b'\\x7f'), ('float8_e5m2', b'\\x7e'),"
                " ('float8_e4m3fnuz', b'\\x80'), ('float8_e5m2fnuz', b'\\x80')):\n"
                "        d = f.create_dataset(name, data=numpy.frombuffer(bytes(len(nan)) + nan, f'V{len(nan)}'))\n"
                "        d.attrs['dtype'] = name\n")
        written = subprocess.run([sys.executable, "-c", code], cwd=self.folder, text=True, capture_output=True)
        if "ModuleNotFoundError" in written.stderr:
            self.skipTest("Python has no h5py")
        self.assertEqual(written.returncode, 0, written.stderr)
        said = self.call("verify", "keras.h5", status=1).stdout.splitlines()
        names = ["bfloat16", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"]
        self.assertEqual(sorted(said), [f"keras.h5: not finite: {name}: 1 NaN and 0 infinite of 2" for name in names])

    @unittest.skipIf(CACHE.get("LUXTORCH_SANITIZE"), "the sanitizers' own signal handlers stand before it")
    def test_verify_waits_longer_for_larger_files(self):
        code, library = self.folder / "poll.cpp", self.folder / "poll.so"
        code.write_text("#include <dlfcn.h>\n#include <poll.h>\n#include <stdio.h>\n"
                        'extern "C" int poll(pollfd* fds, nfds_t count, int ms) {\n'
                        '  fprintf(stderr, "%d\\n", ms);\n'
                        '  return reinterpret_cast<decltype(&poll)>(dlsym(RTLD_NEXT, "poll"))(fds, count, ms);\n}\n')
        subprocess.run([os.environ["LUXTORCH_CXX"], "-shared", "-fPIC", "-o", library, code, "-ldl"], check=True)
        large = self.folder / "sparse.npz"
        with open(large, "wb") as file:
            file.truncate(4_000_000_000)
        for arguments, path, least, most in (([], self.model, 1, 60_000), ([], large, 900_000, 1_060_000),
                                             (["--seconds", "0"], self.model, -1, -1)):
            said = subprocess.run([PROGRAM, "verify", *arguments, path], text=True, capture_output=True,
                                  env={**os.environ, "LD_PRELOAD": str(library)}).stderr
            waits = [int(line) for line in said.split()]
            self.assertTrue(least <= waits[0] <= most, said)

    def test_a_terminal_sees_that_a_large_file_is_read_and_a_script_does_not(self):
        size = 257 * 2 ** 20
        header = json.dumps({"x": {"dtype": "F64", "shape": [size // 8], "data_offsets": [0, size]}}).encode()
        with open(self.folder / "large.safetensors", "wb") as file:
            file.write(struct.pack("<Q", len(header)) + header)
            file.truncate(8 + len(header) + size)
        for command in ("verify", "inspect"):
            self.assertEqual(self.call(command, "large.safetensors").stderr, "")
            for name, seen in ((self.folder / "large.safetensors", True), (self.model, False)):
                terminal, side = pty.openpty()
                result = subprocess.run([PROGRAM, command, name], stdout=subprocess.DEVNULL, stderr=side)
                os.write(side, b"end")
                said = ""
                while not said.endswith("end"):
                    said += os.read(terminal, 10_000).decode()
                for end in (terminal, side):
                    os.close(end)
                self.assertEqual(result.returncode, 0)
                self.assertEqual(said.startswith(f"reading {name} (0.3 GB)\r "), seen, said)
                self.assertEqual(said != "end", seen, said)

    # -------------------------------------------------------------------------------------------- all of them

    def test_missing_files_are_one_line_that_names_them(self):
        self.refuses("inspect", "absent.jld2", says="absent.jld2")
        self.refuses("convert", "absent.pt", "new.npz", says="absent.pt")
        self.assertFalse((self.folder / "new.npz").exists())

    def test_wrong_usage_is_2_and_one_line(self):
        for arguments in ([], ["inspect"], ["inspekt", "a"], ["diff", "a"], ["diff", "a", "b", "--tolerance", "-1"],
                          ["verify", "--seconds", "x", "a"], ["inspect", "a", "b"], ["convert", "a"]):
            self.refuses(*arguments, status=2, says="--help")

    def test_help_tells_examples_and_exit_statuses(self):
        said = self.call("--help").stdout
        for command in ("inspect", "diff", "convert", "doctor", "verify", "watch", "report"):
            self.assertIn(command, said)
            own = self.call(command, "--help").stdout
            self.assertIn(f"luxtorch {command} ", own.partition("Examples:")[2])
            self.assertRegex(own, r"Exit status: 0")
        version = re.findall(r"VERSION_\w+ (\d+)", (SOURCE / "include/luxtorch/version.h").read_text())
        self.assertEqual(self.call("--version").stdout, f"luxtorch {'.'.join(version[:3])}\n")


if __name__ == "__main__":
    unittest.main()
