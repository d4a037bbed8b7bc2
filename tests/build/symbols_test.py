"""What libluxtorch.so exports: what the public headers declare, and nothing else of ours."""

import os
import re
import subprocess
import unittest
from pathlib import Path

SOURCE = Path(os.environ["LUXTORCH_SOURCE_DIR"])
BUILD = Path(os.environ["LUXTORCH_BUILD_DIR"])
LIBRARY = Path(os.environ["LUXTORCH_LIBRARY"])
KINDS = re.compile(r"^(vtable|typeinfo|typeinfo name|VTT|guard variable|non-virtual thunk|virtual thunk) (for|to) ")


def nm(*arguments):
    """Symbols in C++'s spelling."""
    lines = subprocess.run(["nm", "-C", *arguments], capture_output=True, text=True, check=True).stdout.splitlines()
    return [KINDS.sub("", re.sub(r"^[0-9a-f ]{16,} ?[A-Za-z] | +U ", "", line, count=1)) for line in lines if " " in line]


def exported():
    return nm("-D", "--defined-only", LIBRARY)


def names(symbol):
    """Tree::at(Shape) const -> Tree, at, Shape: of all that is ours in a symbol."""
    chains = re.findall(r"luxtorch(?:::~?\w+)+", symbol)
    return {name.lstrip("~") for chain in chains for name in chain.split("::")}


def words(folder):
    """All words of the headers in a folder, without comments."""
    text = "\n".join(p.read_text() for p in (SOURCE / folder).rglob("*.h"))
    return set(re.findall(r"\w+", re.sub(r"//[^\n]*", "", text)))


@unittest.skipUnless(LIBRARY.suffix == ".so" or ".so." in LIBRARY.name, "a static library exports nothing")
class SymbolsTest(unittest.TestCase):
    def test_only_what_public_headers_declare_is_exported(self):
        known = words("include/luxtorch")
        ours = {s for s in exported() if s.startswith("luxtorch::")}
        self.assertTrue(any(s.startswith("luxtorch::Tree::at(") for s in ours), sorted(ours)[:20])
        self.assertEqual([], sorted(s for s in ours if not known.issuperset(names(s))))

    def test_all_of_it_is_exported(self):
        """The tests use nearly all of the public headers, and are linked with what is not exported."""
        objects = sorted(BUILD.glob("tests/CMakeFiles/*_test.dir/**/*.o"))
        self.assertTrue(objects)
        used = {s for s in nm("--undefined-only", *objects)
                if s.startswith("luxtorch::") and not s.startswith("luxtorch::test::")}
        self.assertGreater(len(used), 300)
        public = words("include/luxtorch")
        self.assertEqual([], sorted(s for s in used - set(exported()) if public.issuperset(names(s))))

    def test_the_static_libraries_in_it_are_not_exported(self):
        self.assertEqual([], [s for s in exported() if s.startswith(("hwy::", "fmt::", "nlohmann::"))][:20])


if __name__ == "__main__":
    unittest.main()
