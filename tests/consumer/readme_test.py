"""The README's code: every cell of the table's last column, the layer of one's own and the checkpoints compile."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ["LUXTORCH_SOURCE_DIR"])
LIBTORCH = Path(os.environ["LUXTORCH_LIBTORCH"])
README = SOURCE / "README.md"

PRELUDE = """
#include <luxtorch/luxtorch.h>
#include <torch/nn/modules/linear.h>
namespace lux = luxtorch;
using lux::Tensor, lux::Tree;
"""
ROW = """
void row_%d(const lux::Layer& model, const Tree& ps, const Tree& st, const Tensor& x, const Tensor& y, const Tree& batch,
            const Tree& carry, lux::data::DataLoader& loader, lux::TrainState& ts, lux::Rng rng) {
  %s;
}
"""


def section(heading):
    return README.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


class ReadmeTest(unittest.TestCase):
    def compiles(self, code):
        with tempfile.NamedTemporaryFile("w", suffix=".cpp") as file:
            file.write(code)
            file.flush()
            includes = [SOURCE / "include", LIBTORCH / "include", LIBTORCH / "include/torch/csrc/api/include"]
            result = subprocess.run([os.environ["LUXTORCH_CXX"], "-std=c++20", "-fsyntax-only", "-DFMT_HEADER_ONLY=1",
                                     *(f"-isystem{i}" for i in includes), file.name], text=True, capture_output=True)
        self.assertEqual(result.returncode, 0, code + result.stderr)

    def test_every_row_of_the_table_and_the_layer_of_ones_own_compile(self):
        rows = re.findall(r"^\|(?!-).*\| `([^`]*)` \|$", section("Coming from Lux, PyTorch or Flux"), re.MULTILINE)
        self.assertGreaterEqual(len(rows), 15)
        layer = re.search(r"^```cpp\n(.*?)^```", section("A layer of your own"), re.MULTILINE | re.DOTALL)[1]
        use = "\ninline auto made = lux::setup(lux::Rng(0), Residual{lux::Dense(8, 8), lux::Dropout(0.1)});\n"
        self.compiles(PRELUDE + layer + use + "".join(ROW % (i, code.rstrip(";")) for i, code in enumerate(rows)))

    def test_the_training_with_checkpoints_compiles(self):
        training = re.search(r"^```cpp\n(.*?)^```", section("Checkpoints"), re.MULTILINE | re.DOTALL)[1]
        self.compiles(PRELUDE + "#include <iostream>\n" + training)

    def test_what_it_links_to_is_there(self):
        prose = re.sub(r"```.*?```|`[^`]*`", "", README.read_text(), flags=re.DOTALL)
        self.assertIn("](tutorials/", prose)
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", prose):
            self.assertTrue((SOURCE / target).exists(), target)


if __name__ == "__main__":
    unittest.main()
