"""What libluxtorch.so exports: what the public headers declare, and nothing else of ours."""

import os
import re
import subprocess
import unittest
from pathlib import Path

SOURCE = Path(os.environ["LUXTORCH_SOURCE_DIR"])
LIBRARY = Path(os.environ["LUXTORCH_LIBRARY"])
KINDS = re.compile(r"^(vtable|typeinfo|typeinfo name|VTT|guard variable|non-virtual thunk|virtual thunk) (for|to) ")


def exported():
    """The library's exported symbols in C++'s spelling."""
    lines = subprocess.run(["nm", "-DC", "--defined-only", LIBRARY], capture_output=True, text=True, check=True).stdout
    return [KINDS.sub("", line.split(maxsplit=2)[2]) for line in lines.splitlines()]


def names(symbol):
    """Tree::at(std::string_view) const -> Tree, at; ~Tree() -> Tree; operators and template arguments left out."""
    chain = re.split(r"[(<\[{]|operator", symbol)[0]
    return [name.lstrip("~") for name in chain.split("::") if name]


@unittest.skipUnless(LIBRARY.suffix == ".so" or ".so." in LIBRARY.name, "a static library exports nothing")
class SymbolsTest(unittest.TestCase):
    def test_only_what_public_headers_declare_is_exported(self):
        text = "\n".join(p.read_text() for p in (SOURCE / "include/luxtorch").rglob("*.h"))
        known = set(re.findall(r"\w+", re.sub(r"//[^\n]*", "", text)))
        ours = {s for s in exported() if s.startswith("luxtorch::")}
        self.assertTrue(any(s.startswith("luxtorch::Tree::at(") for s in ours), sorted(ours)[:20])
        self.assertEqual([], sorted(s for s in ours if not known.issuperset(names(s))))

    def test_the_static_libraries_in_it_are_not_exported(self):
        self.assertEqual([], [s for s in exported() if s.startswith(("hwy::", "fmt::", "nlohmann::"))][:20])


if __name__ == "__main__":
    unittest.main()
