"""tools/check_layers.py on the sources, and on made-up ones that break each of its rules."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ["LUXTORCH_SOURCE_DIR"])


class LayersTest(unittest.TestCase):
    def check(self, files):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for name, text in {"include/luxtorch/version.h": "", "src/version.cpp": "", **files}.items():
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return self.run_on(root)

    def run_on(self, root):
        command = [sys.executable, SOURCE / "tools/check_layers.py", root]
        run = subprocess.run(command, capture_output=True, text=True)
        return run.returncode, run.stdout + run.stderr

    def test_our_sources_keep_the_levels(self):
        self.assertEqual(self.run_on(SOURCE), (0, ""))

    def test_lower_levels_and_the_own_folder_may_be_included(self):
        files = {
            "include/luxtorch/layers/dense.h": "",
            "include/luxtorch/layers/chain.h": '#include "luxtorch/layers/dense.h"\n#include <luxtorch/tree.h>\n',
            "include/luxtorch/tree.h": '#include "luxtorch/rng.h"\n',
            "include/luxtorch/rng.h": "#include <ATen/core/Tensor.h>\n",
            "include/luxtorch/kernels/lstm.h": "",
            "include/luxtorch/ops/recurrent.h": '#include "luxtorch/kernels/lstm.h"\n',
        }
        self.assertEqual(self.check(files), (0, ""))

    def test_a_higher_level_is_an_offence(self):
        status, output = self.check({
            "include/luxtorch/layer.h": "",
            "src/tree_functions.cpp": '#include "luxtorch/layer.h"\n',
        })
        self.assertEqual(status, 1)
        self.assertIn("src/tree_functions.cpp (level 1) includes luxtorch/layer.h (level 2)", output)

    def test_another_folder_of_the_same_level_is_an_offence(self):
        status, output = self.check({
            "include/luxtorch/data/toy.h": "",
            "include/luxtorch/layers/dense.h": '#include "luxtorch/data/toy.h"\n',
        })
        self.assertEqual(status, 1)
        self.assertIn("include/luxtorch/layers/dense.h (level 3) includes luxtorch/data/toy.h", output)

    def test_a_file_format_knows_no_other_and_what_all_use_knows_none(self):
        status, output = self.check({
            "src/io/torch/pickle.h": "",
            "src/io/numpy/read.cpp": '#include "io/torch/pickle.h"\n',
            "src/io/zip/reader.h": "",
            "src/io/base/json.cpp": '#include "io/zip/reader.h"\n',
        })
        self.assertEqual(status, 1)
        self.assertIn("src/io/numpy/read.cpp (level 2.4) includes io/torch/pickle.h (level 2.4)", output)
        self.assertIn("src/io/base/json.cpp (level 2.1) includes io/zip/reader.h (level 2.2)", output)

    def test_the_header_of_everything_is_for_user_programs_only(self):
        self.assertEqual(self.check({
            "include/luxtorch/luxtorch.h": "",
            "src/checkpoint/checkpoint.cpp": "#include <luxtorch/luxtorch.h>\n",
        })[0], 1)

    def test_a_torch_header_in_a_kernel_is_an_offence(self):
        status, output = self.check({"src/kernels/lstm.cpp": "#include <ATen/Parallel.h>\n"})
        self.assertEqual(status, 1)
        self.assertIn("includes ATen/Parallel.h", output)

    def test_a_file_without_a_level_is_an_offence(self):
        status, output = self.check({"src/helpers/strings.cpp": ""})
        self.assertEqual(status, 1)
        self.assertIn("src/helpers/strings.cpp: has no level", output)


if __name__ == "__main__":
    unittest.main()
