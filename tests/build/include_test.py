"""Our headers bring in no torch header but <ATen/core/Tensor.h> and what prints it: it decides how fast programs compile."""

import os
import re
import subprocess
import unittest
from pathlib import Path

SOURCE = Path(os.environ["LUXTORCH_SOURCE_DIR"])
TORCH = Path(os.environ["LUXTORCH_LIBTORCH"])
CXX = os.environ["LUXTORCH_CXX"]
ALLOWED = {"ATen/core/Tensor.h", "ATen/core/Formatting.h"}  # the latter is 60 lines, and prints tensors


def headers_behind(text):
    """Every torch header that the preprocessor opens for a source with this text."""
    run = subprocess.run(
        [CXX, "-std=c++20", "-M", "-x", "c++", "-", f"-I{SOURCE}/include", f"-I{TORCH}/include",
         f"-I{TORCH}/include/torch/csrc/api/include"],
        input=text, capture_output=True, text=True, check=True,
    )
    base = f"{TORCH}/include/"
    files = (word for word in run.stdout.replace("\\\n", " ").split() if word.startswith(base))
    return {os.path.normpath(file)[len(base):] for file in files}


class IncludeTest(unittest.TestCase):
    def test_no_header_of_ours_names_another_torch_header(self):
        named = []
        for file in sorted((SOURCE / "include/luxtorch").rglob("*.h")):
            for header in re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)', file.read_text(), re.MULTILINE):
                if re.match(r"(ATen|torch|c10|caffe2)/", header) and header not in ALLOWED:
                    named.append(f"{file.relative_to(SOURCE)} includes {header}")
        self.assertEqual(named, [])

    def test_the_header_of_everything_opens_no_torch_header_that_tensor_does_not(self):
        if not (SOURCE / "include/luxtorch/luxtorch.h").exists():
            self.skipTest("include/luxtorch/luxtorch.h is not there")
        tensor = headers_behind("".join(f"#include <{header}>\n" for header in sorted(ALLOWED)))
        self.assertIn("ATen/core/TensorBody.h", tensor)
        ours = headers_behind("#include <luxtorch/luxtorch.h>\n")
        self.assertEqual(sorted(ours - tensor), [])

    def test_no_source_of_ours_takes_the_whole_of_torch(self):
        heavy = re.compile(r'#\s*include\s*[<"](torch/(torch|all|types|nn|extension)\.h|ATen/ATen\.h)[>"]')
        found = []
        for base in ("include/luxtorch", "src"):
            for file in sorted((SOURCE / base).rglob("*")):
                # torch::nn cannot be had without its headers; only the bridge to it pays for them.
                if file.suffix not in (".h", ".cpp") or "interop" in file.parts:
                    continue
                found += [f"{file.relative_to(SOURCE)}: {m[0]}" for m in heavy.finditer(file.read_text())]
        self.assertEqual(found, [])


if __name__ == "__main__":
    unittest.main()
