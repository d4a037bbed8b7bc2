"""luxtorch convert --map: names, shapes and numbers of files in the layouts of PyTorch, Lux and Lux 0.5."""

import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ["LUXTORCH_SOURCE_DIR"])
PROGRAM = Path(os.environ["LUXTORCH_BUILD_DIR"]) / "bin/luxtorch"
TRAINED = SOURCE / "tests/golden/jld2/0.6.5/trained_model_xoshiro.jld2"


def counted(shape, start=0.0):
    """The tensor of 1, 2, 3, ... above start, as (shape, numbers)."""
    n = 1
    for size in shape:
        n *= size
    return list(shape), [start + i + 1 for i in range(n)]


def turned(tensor):
    (rows, columns), numbers = tensor
    return [columns, rows], [numbers[r * columns + c] for c in range(columns) for r in range(rows)]


def write(path, tensors):
    header, data = {}, b""
    for name, (shape, numbers) in tensors.items():
        part = struct.pack(f"<{len(numbers)}f", *numbers)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def read(path):
    """The float32 tensors by name, as counted gives them."""
    raw = path.read_bytes()
    size = struct.unpack_from("<Q", raw)[0]
    header = json.loads(raw[8:8 + size])
    header.pop("__metadata__", None)
    found = {}
    for name, entry in header.items():
        if entry["dtype"] == "F32":
            begin, end = (8 + size + offset for offset in entry["data_offsets"])
            found[name] = entry["shape"], list(struct.unpack(f"<{(end - begin) // 4}f", raw[begin:end]))
    return found


def cell(gates, inputs, out, ending="", start=0.0):
    return {f"weight_ih{ending}": counted([gates * out, inputs], start), f"weight_hh{ending}": counted([gates * out, out], start + 100),
            f"bias_ih{ending}": counted([gates * out], start + 200), f"bias_hh{ending}": counted([gates * out], start + 300)}


def under(path, tensors):
    return {f"{path}.{name}": tensor for name, tensor in tensors.items()}


@unittest.skipUnless(PROGRAM.exists(), "the program luxtorch is not built: it needs CLI11 (libcli11-dev)")
class MapTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.maxDiff = None

    def call(self, *arguments, status=0):
        result = subprocess.run([PROGRAM, *arguments], cwd=self.folder, text=True, capture_output=True)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        return result.stdout if status == 0 else result.stderr

    def mapped(self, tensors, to, *options, name="in.safetensors"):
        """What convert makes of these tensors."""
        write(self.folder / name, tensors)
        self.call("convert", "--force", "--map", to, *options, name, "out.safetensors")
        return read(self.folder / "out.safetensors")

    def entries(self, file):
        return {e["path"]: e for e in json.loads(self.call("inspect", "--json", file))["entries"]}

    def test_a_sequential_becomes_a_chain_and_comes_back(self):
        torch = {"0.weight": counted([7, 3]), **under("1", cell(4, 3, 2, "_l0")), "3.weight": counted([1, 2]), "3.bias": counted([1])}
        lux = self.mapped(torch, "lux", "--embedding", "0")
        self.assertEqual(lux, {"ps.layer_1.weight": turned(torch["0.weight"]), **under("ps.layer_2", cell(4, 3, 2)),
                               "ps.layer_4.weight": torch["3.weight"], "ps.layer_4.bias": torch["3.bias"]})
        entries = self.entries("out.safetensors")
        self.assertEqual(entries["ps.layer_3"]["type"], "empty")
        self.assertEqual((entries["st.layer_2.rng"]["type"], entries["st.layer_3"]["type"]), ("rng", "empty"))
        self.call("convert", "--map", "torch", "--from", "lux", "--embedding", "layer_1", "out.safetensors", "back.safetensors")
        self.assertEqual(read(self.folder / "back.safetensors"), torch)
        # Without --embedding it is a Dense layer's, which both have alike.
        self.assertEqual(self.mapped(torch, "lux")["ps.layer_1.weight"], torch["0.weight"])

    def test_an_embedding_of_this_library_is_turned_for_lux_and_not_for_torch(self):
        ours = {"ps.layer_1.weight": counted([7, 3]), **under("ps.layer_2", cell(1, 3, 2))}
        self.assertEqual(self.mapped(ours, "lux", "--embedding", "layer_1")["ps.layer_1.weight"], turned(counted([7, 3])))
        self.assertEqual(self.mapped(ours, "torch", "--embedding", "layer_1")["0.weight"], counted([7, 3]))
        self.assertEqual(self.mapped(ours, "torch", "--embedding", "layer_1", "--from", "lux")["0.weight"], turned(counted([7, 3])))

    def test_recurrent_modules_of_several_layers_and_directions(self):
        torch, ps = {}, {}
        for level, inputs in enumerate((3, 4)):
            for direction, part in (("", "forward_rnn"), ("_reverse", "backward_rnn.rnn")):
                start = 1000 * level + len(direction)
                torch |= under("rnn", cell(3, inputs, 2, f"_l{level}{direction}", start))
                ps |= under(f"ps.rnn.layer_{level + 1}.{part}", cell(3, inputs, 2, start=start))
        self.assertEqual(self.mapped(torch, "lux"), ps)
        self.assertEqual(self.entries("out.safetensors")["ps.rnn.layer_1.backward_rnn.rev2"]["type"], "empty")
        self.assertEqual(self.mapped(ps, "torch"), torch)
        ours = {name.replace("backward_rnn.rnn", "backward_rnn"): tensor for name, tensor in ps.items()}
        self.assertEqual(self.mapped(ours, "torch"), torch)
        self.assertEqual(self.mapped(ours, "lux"), ps)

    def test_a_batch_norm_has_its_statistics_in_the_states(self):
        names = ("weight", "bias", "running_mean", "running_var")
        torch = {"0.weight": counted([2, 3]), **{f"1.{k}": counted([2], i) for i, k in enumerate(names)}}
        lux = {"ps.layer_1.weight": torch["0.weight"], "ps.layer_2.scale": torch["1.weight"], "ps.layer_2.bias": torch["1.bias"],
               "st.layer_2.running_mean": torch["1.running_mean"], "st.layer_2.running_var": torch["1.running_var"]}
        self.assertEqual(self.mapped(torch, "lux"), lux)
        self.assertEqual(self.entries("out.safetensors")["st.layer_2.training"]["value"], True)
        self.assertEqual(self.mapped(lux, "torch"), torch)
        self.assertEqual(self.entries("out.safetensors")["1.num_batches_tracked"]["type"], "int64")

    def test_lux_zero_five_has_one_bias_and_columns(self):
        torch = {**under("cell", cell(4, 3, 2)), "head.weight": counted([1, 2]), "head.bias": counted([1])}
        old = self.mapped(torch, "lux05")
        added = [a + b for a, b in zip(torch["cell.bias_ih"][1], torch["cell.bias_hh"][1])]
        self.assertEqual(old, {"ps.cell.weight_i": torch["cell.weight_ih"], "ps.cell.weight_h": torch["cell.weight_hh"],
                               "ps.cell.bias": ([8, 1], added), "ps.head.weight": torch["head.weight"],
                               "ps.head.bias": ([1, 1], torch["head.bias"][1])})
        new = self.mapped(old, "lux")
        self.assertEqual((new["ps.cell.bias_ih"], new["ps.cell.bias_hh"]), (([8], added), ([8], [0] * 8)))
        self.assertEqual(new["ps.head.bias"], torch["head.bias"])
        gru = self.mapped(cell(3, 3, 2), "lux05")
        (_, ih), (_, hh) = cell(3, 3, 2)["bias_ih"], cell(3, 3, 2)["bias_hh"]
        self.assertEqual(gru["ps.bias_i"], ([2, 1], ih[4:]))
        self.assertEqual(gru["ps.bias_h"], ([6, 1], [a + b for a, b in zip(ih[:4], hh[:4])] + hh[4:]))
        self.assertEqual(list(self.mapped(cell(1, 3, 2), "lux05")), ["ps.weight_ih", "ps.weight_hh", "ps.bias"])

    def test_a_model_of_julia_becomes_a_state_dict(self):
        said = self.call("convert", "--map", "torch", TRAINED, "out.safetensors")
        self.assertRegex(said, r"(?m)^lstm_cell +LSTM +lstm_cell$")
        names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]
        self.assertEqual(list(read(self.folder / "out.safetensors")),
                         [*(f"lstm_cell.{n}" for n in names), "classifier.weight", "classifier.bias"])
        self.call("convert", "--force", "--map", "torch", "--sequence", "lstm_cell", TRAINED, "out.safetensors")
        self.assertEqual(list(read(self.folder / "out.safetensors"))[:4], [f"lstm_cell.{n}_l0" for n in names])

    def test_the_other_names_of_a_file_stay_for_lux_and_are_named_for_torch(self):
        file = {"ps_trained.weight": counted([1, 2]), "epoch": counted([1])}
        self.assertEqual(self.mapped(file, "lux"), file)
        write(self.folder / "in.safetensors", file)
        self.assertIn("left out: epoch\n", self.call("convert", "--force", "--map", "torch", "in.safetensors", "out.safetensors"))
        self.assertEqual(list(read(self.folder / "out.safetensors")), ["weight"])

    def test_pytorch_loads_what_it_wrote_strictly(self):
        code = """
import sys, torch
make = lambda: torch.nn.Sequential(torch.nn.Embedding(7, 3), torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.BatchNorm1d(4),
                                   torch.nn.Linear(4, 1))
if sys.argv[1] == "write":
    torch.save(make().state_dict(), "python.pt")
else:
    a, b = make(), make()
    a.load_state_dict(torch.load("python.pt", weights_only=True))
    b.load_state_dict(torch.load("back.pt", weights_only=True), strict=True)
    x = torch.tensor([0, 3, 6])
    assert torch.equal(a(x), b(x))
"""
        def python(what):
            return subprocess.run([sys.executable, "-c", code, what], cwd=self.folder, text=True, capture_output=True)

        written = python("write")
        if "ModuleNotFoundError" in written.stderr:
            self.skipTest("Python has no torch")
        self.assertEqual(written.returncode, 0, written.stderr)
        self.call("convert", "--map", "lux05", "--embedding", "0", "python.pt", "lux.npz")
        self.call("convert", "--map", "torch", "--from", "lux", "--embedding", "layer_1", "lux.npz", "back.pt")
        back = python("read")
        self.assertEqual(back.returncode, 0, back.stderr)

    def test_what_is_not_recognised_or_has_no_place_is_one_line_and_no_file(self):
        for tensors, to, options, says in (
                ({"x": counted([2])}, "torch", [], "names of layers that --map knows"),
                ({"ps.x": counted([2])}, "lux", [], "names of layers that --map knows"),
                ({"norm.weight": counted([2])}, "lux", [], "at norm.weight: expected weights of a Linear"),
                ({"a.weight_ih": counted([5, 2]), "a.weight_hh": counted([5, 2])}, "lux", [], "at a: expected recurrent weights"),
                ({**under("ps.a", cell(4, 3, 2)), "ps.a.hidden_state": counted([2])}, "torch", [],
                 "at a.hidden_state: .* trained initial state"),
                ({**cell(4, 3, 2, "_l0"), "weight_hr_l0": counted([1, 2])}, "lux", [], "at weight_hr_l0: .* projections"),
                ({**cell(4, 3, 2, "_l0"), **cell(4, 2, 2, "_l2")}, "lux", [], "all layers and directions"),
                ({"a.weight": counted([2, 2])}, "lux", ["--embedding", "b"], "--embedding to name a part .* got b"),
                ({"a.weight": counted([2, 2])}, "lux", ["--sequence", "a"], "--sequence to name a cell, .* got a")):
            with self.subTest(says):
                write(self.folder / "in.safetensors", tensors)
                error = self.call("convert", "--map", to, *options, "in.safetensors", "out.safetensors", status=1)
                self.assertEqual(error.count("\n"), 1)
                self.assertRegex(error, says)
                self.assertFalse((self.folder / "out.safetensors").exists())

    def test_wrong_usage_is_2(self):
        write(self.folder / "in.safetensors", {"a.weight": counted([2, 2])})
        for options in (["--map", "keras"], ["--embedding", "a"], ["--from", "lux"], ["--map", "lux", "--from", "lux05"], ["--map", "1"]):
            self.assertEqual(self.call("convert", *options, "in.safetensors", "out.pt", status=2).count("\n"), 1)


if __name__ == "__main__":
    unittest.main()
