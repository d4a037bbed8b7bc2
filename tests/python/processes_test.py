"""luxtorch.nn with threads, after a fork, and beside DataLoader's workers."""

import os
import signal
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from luxtorch_for_tests import Case, Sequences, luxtorch, pair

import torch

LIMIT = 600  # seconds that a process may take before it counts as hanging


def train(module, steps=2):
    """Losses of a problem that is large enough for several threads."""
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    x = torch.linspace(-1, 1, 64 * 40 * 4).reshape(64, 40, 4)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = module(x)[0].square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def in_child(run):
    """Whether run() returned True in a forked process, within the limit."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = 0 if run() else 2
        finally:
            os._exit(status)
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return False


class ProcessesTest(Case):
    def setUp(self):
        torch.set_num_threads(max(2, torch.get_num_threads()))
        torch.manual_seed(0)

    def test_a_child_of_a_process_that_used_threads_trains_on(self):
        module = luxtorch.nn.LSTM(4, 64, batch_first=True)
        start = {name: p.clone() for name, p in module.state_dict().items()}
        expected = train(module)
        self.assertKernels()

        def again():
            module.load_state_dict(start)
            losses = train(module)
            return luxtorch.nn.last_path().kernels and all(
                abs(a - b) < 1e-5 * abs(b) for a, b in zip(losses, expected))

        self.assertTrue(in_child(again))
        self.assertTrue(in_child(lambda: in_child(again)), "a child's child")
        module.load_state_dict(start)
        self.assertEqual(len(train(module)), 2)  # the parent keeps its threads

    def test_a_graph_that_was_recorded_before_the_fork_is_run_backward_in_the_child(self):
        for batch in (64, 1):  # rows on threads; one row, whose hidden units are
            module = luxtorch.nn.LSTM(4, 256, batch_first=True)
            loss = module(torch.ones(batch, 40, 4))[0].square().mean()
            self.assertTrue(in_child(lambda: loss.backward() is None))
            loss.backward()

    def test_a_child_of_a_process_without_other_threads_may_have_some(self):
        program = (
            "import os, torch, luxtorch\n"
            "m = luxtorch.nn.LSTM(4, 64, batch_first=True)\n"
            "if os.fork() == 0:\n"
            "    m(torch.ones(64, 40, 4))[0].sum().backward()\n"
            "    os._exit(0)\n"
            "print(os.waitstatus_to_exitcode(os.wait()[1]))\n")
        import subprocess

        path = os.pathsep.join(p for p in sys.path if p)
        run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=LIMIT,
                             env={**os.environ, "PYTHONPATH": path})
        self.assertEqual(run.stdout.strip(), "0", run.stderr)

    def test_workers_of_a_dataloader_run_the_module(self):
        module = luxtorch.nn.LSTM(4, 64, batch_first=True)
        train(module, steps=1)
        here = Sequences(module)
        for method in ("fork", "spawn"):
            with self.subTest(method=method):
                loader = torch.utils.data.DataLoader(here, batch_size=None, num_workers=2, timeout=LIMIT,
                                                     multiprocessing_context=method)
                for index, (y, kernels) in enumerate(loader):
                    self.assertTrue(kernels)
                    self.assertClose(y.contiguous(), here[index][0].contiguous())

    def test_threads_run_one_module_at_the_same_time(self):
        theirs, ours = pair("LSTM", 4, 64, num_layers=2, bidirectional=True)
        inputs = [torch.randn(40, 16, 4) for _ in range(8)]
        found = [None] * len(inputs)

        def run(i):
            y = ours(inputs[i])[0]
            found[i] = (y.detach(), torch.autograd.grad(y.square().mean(), list(ours.parameters())))

        workers = [threading.Thread(target=run, args=(i,)) for i in range(len(inputs))]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(LIMIT)
        for x, (y, gradients) in zip(inputs, found):
            expected = theirs(x)[0]
            self.assertClose(y, expected.detach())
            self.assertClose(gradients, torch.autograd.grad(expected.square().mean(), list(theirs.parameters())), 1e-4)

    def test_last_path_is_each_thread_s_own(self):
        luxtorch.nn.LSTM(2, 3)(torch.ones(2, 1, 2))
        seen = []
        thread = threading.Thread(target=lambda: seen.append(luxtorch.nn.last_path()))
        thread.start()
        thread.join()
        self.assertKernels()
        self.assertEqual(seen, [(False, "no module has run in this thread")])


if __name__ == "__main__":
    unittest.main()
