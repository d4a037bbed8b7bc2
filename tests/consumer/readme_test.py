"""The code of README.md and docs: every C++ block compiles, and every cell of the last column of the table beside Lux and PyTorch."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import pages

SOURCE = pages.SOURCE
LIBTORCH = Path(os.environ["LUXTORCH_LIBTORCH"])

PRELUDE = """
#include <luxtorch/luxtorch.h>
#include <torch/nn/modules/linear.h>
#include <iostream>
namespace lux = luxtorch;
using lux::Tensor, lux::Tree;
"""
ROW = """
void row_%d(const lux::Layer& model, const Tree& ps, const Tree& st, const Tensor& x, const Tensor& y, const Tree& batch,
            const Tree& carry, lux::data::DataLoader& loader, lux::TrainState& ts, lux::Rng rng) {
  %s;
}
"""
# What makes a page's code do its work, where only its use shows that it is right.
USES = {"docs/guides/layers.md": "inline auto made = lux::setup(lux::Rng(0), Residual{lux::Dense(8, 8), lux::Dropout(0.1)});\n"}


def is_program(code):
    """A block that brings its own includes stands by itself; the others are declarations."""
    return "#include" in code


class ReadmeTest(unittest.TestCase):
    def compiles(self, code):
        with tempfile.NamedTemporaryFile("w", suffix=".cpp") as file:
            file.write(code)
            file.flush()
            includes = [SOURCE / "include", LIBTORCH / "include", LIBTORCH / "include/torch/csrc/api/include",
                        SOURCE / "tools/comparison"]
            result = subprocess.run([os.environ["LUXTORCH_CXX"], "-std=c++20", "-fsyntax-only", "-DFMT_HEADER_ONLY=1",
                                     *(f"-isystem{i}" for i in includes), file.name], text=True, capture_output=True)
        self.assertEqual(result.returncode, 0, code + result.stderr)

    def test_every_row_of_the_table_and_every_block_without_includes_compiles(self):
        rows = re.findall(r"^\|(?!-).*\| `([^`]*)` \|$", pages.text("docs/migrate.md", "Side by side"), re.MULTILINE)
        self.assertGreaterEqual(len(rows), 40)
        everything, seen = PRELUDE, 0
        for i, page in enumerate(pages.pages()):
            codes = [code for language, code in pages.blocks(page) if language == "cpp" and not is_program(code)]
            seen += len(codes)
            if codes:
                everything += f"\n// {page}\nnamespace page_{i} {{\n{''.join(codes)}{USES.get(page, '')}}}\n"
        self.assertGreaterEqual(seen, 7)
        self.compiles(everything + "".join(ROW % (i, code.rstrip(";")) for i, code in enumerate(rows)))

    def test_every_block_with_includes_compiles(self):
        programs = [code for page in pages.pages() for language, code in pages.blocks(page)
                    if language == "cpp" and is_program(code)]
        self.assertGreaterEqual(len(programs), 2)
        for code in programs:
            self.compiles(code)


if __name__ == "__main__":
    unittest.main()
