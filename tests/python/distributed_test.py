"""luxtorch.nn under PyTorch's own data parallelism: DistributedDataParallel and FSDP2 on two processes."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from luxtorch_for_tests import Case

import torch

LIMIT = 600  # seconds that a process may take before it counts as hanging


@unittest.skipUnless(torch.distributed.is_available() and torch.distributed.is_gloo_available(), "this torch has no Gloo")
class DistributedTest(Case):
    @classmethod
    def setUpClass(cls):
        program = Path(__file__).resolve().parent / "data_parallel.py"
        with tempfile.TemporaryDirectory() as folder:
            processes = [subprocess.Popen([sys.executable, program, str(rank), f"{folder}/store"], text=True,
                                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                          env={**os.environ, "OMP_NUM_THREADS": "1"}) for rank in range(2)]
            try:
                ends = [process.communicate(timeout=LIMIT) for process in processes]
            finally:
                for process in processes:
                    process.kill()
        for process, (_, said) in zip(processes, ends):
            assert process.returncode == 0, said
        cls.found = json.loads(ends[0][0])

    def same_curve(self, wrapper):
        for name, packages in self.found[wrapper].items():
            expected, _ = self.found["alone"][name]["torch"]
            self.assertLess(expected[-1], 0.8 * expected[0])
            for package, (losses, kernels) in packages.items():
                with self.subTest(name=name, package=package):
                    self.assertEqual(len(losses), len(expected))
                    for a, b in zip(losses, expected):
                        self.assertLessEqual(abs(a - b), 1e-5 * abs(b))
                    if package == "luxtorch":
                        self.assertTrue(kernels)

    def test_one_process_has_torch_s_curve(self):
        self.same_curve("alone")

    def test_distributed_data_parallel_has_torch_s_curve(self):
        self.same_curve("DistributedDataParallel")

    def test_fsdp2_has_torch_s_curve_with_sharded_parameters(self):
        self.same_curve("fsdp2")


if __name__ == "__main__":
    unittest.main()
