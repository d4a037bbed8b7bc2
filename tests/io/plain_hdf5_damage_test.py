"""`luxtorch verify` on damaged plain HDF5 files, which libhdf5 reads where our own reader does not know something: whatever
libhdf5 does, the program ends with status 0 or 1, in time, and says one line or more."""

import os
import random
import subprocess
import tempfile
import unittest
from pathlib import Path

try:
    import h5py
    import numpy
except ImportError:
    h5py = None

PROGRAM = Path(os.environ["LUXTORCH_BUILD_DIR"]) / "bin/luxtorch"
DAMAGED = int(os.environ.get("LUXTORCH_DAMAGED_FILES", "200"))


@unittest.skipUnless(PROGRAM.exists(), "the program luxtorch is not built: it needs CLI11 (libcli11-dev)")
@unittest.skipUnless(h5py, "h5py is not installed (tools/setup --test does)")
class PlainHdf5DamageTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, libver):
        """Something of everything, and with it what only libhdf5 reads: a filter, a soft link."""
        path = self.folder / f"{libver}.h5"
        with h5py.File(path, "w", libver=(libver, "v110")) as file:
            file["big"] = numpy.arange(20, dtype=">f8").reshape(4, 5)
            file.create_dataset("scaled", data=numpy.arange(30, dtype="i4"), chunks=(7,), scaleoffset=0)
            file.create_dataset("deflated", data=numpy.arange(40.0).reshape(8, 5), chunks=(3, 2), compression=4, shuffle=True)
            file["group/inner"] = numpy.arange(3, dtype="f4")
            file["soft"] = h5py.SoftLink("/group/inner")
            file["text"], file["words"] = "h\u00e9llo", ["a", "bb", "ccc"]
            file["table"] = numpy.array([(1, 0.5), (2, 1.5)], [("id", "i4"), ("x", ">f8")])
            file["flag"] = True
            lists = file.create_dataset("lists", (2,), h5py.vlen_dtype("i2"))
            lists[0], lists[1] = [1, 2, 3], [4]
            file["refs"] = numpy.array([file["group"].ref], h5py.ref_dtype)
            file["group"].attrs["luxtorch"] = numpy.bytes_("other")
            del file["group"].attrs["luxtorch"]
        return path.read_bytes()

    def verify(self, data):
        path = self.folder / "damaged.h5"
        path.write_bytes(data)
        result = subprocess.run([PROGRAM, "verify", "--seconds", "60", path], text=True, errors="replace",
                                capture_output=True, timeout=600)
        self.assertIn(result.returncode, (0, 1), result)
        self.assertEqual(result.stderr, "")
        self.assertRegex(result.stdout, r"^.*damaged\.h5: (good|not )")
        return result

    def test_whole_files_are_good(self):
        for libver in ("earliest", "v110"):
            self.assertRegex(self.verify(self.write(libver)).stdout, ": good: 8 tensors, ")

    def test_damaged_files_are_good_or_not_but_never_a_crash(self):
        draw = random.Random(1)
        whole = [self.write(libver) for libver in ("earliest", "v110")]
        seen = {0: 0, 1: 0}
        for i in range(DAMAGED):
            data = bytearray(whole[i % 2])
            if i % 5 == 4:
                data = data[:draw.randrange(len(data))]
            for _ in range(0 if i % 5 == 4 else draw.choice((1, 2, 8, 40))):
                data[draw.randrange(len(data))] = draw.choice((0, 1, 0x7f, 0x80, 0xff, draw.randrange(256)))
            try:
                seen[self.verify(bytes(data)).returncode] += 1
            except AssertionError:
                kept = Path(os.environ["LUXTORCH_BUILD_DIR"]) / f"test-results/damaged_{i}.h5"
                kept.write_bytes(bytes(data))
                raise
        self.assertGreater(min(seen.values()), 0, seen)


if __name__ == "__main__":
    unittest.main()
