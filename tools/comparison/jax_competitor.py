"""JAX as a competitor: `jax_competitor.py FOLDER`; the case's loss by its jax function, each training
step under one jit with donated buffers. Reads problem.npz and problem.json beside the problem's file."""

import functools
import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "bench")]

import case  # noqa: E402
import turns  # noqa: E402

try:
    import jax
    import jax.numpy as jnp
    import numpy
except ImportError as error:
    turns.skip(f"this Python has no JAX ({error}); tools/setup --bench installs it")


def adam(ps, grads, moments, lr, decay=0.0):
    m, v, t = moments
    t = t + 1
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)

    def moved(p, m, v):
        return p - lr * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8) - lr * decay * p

    return jax.tree.map(moved, ps, m, v), (m, v, t)


def momentum(ps, grads, moments, lr, rho=0.9):
    m, v, t = moments
    m = jax.tree.map(lambda m, g: rho * m + g, m, grads)
    return jax.tree.map(lambda p, m: p - lr * m, ps, m), (m, v, t)


OPTIMISERS = {"adam": adam, "adamw": functools.partial(adam, decay=0.01), "momentum": momentum,
              "sgd": functools.partial(momentum, rho=0.0)}


def open_problem(entries, path, what):
    problem = json.loads(Path(path).with_suffix(".json").read_text())
    entry, lr = entries[problem["case"]], problem["lr"]
    if entry.jax is None:
        raise ValueError("the case is not written in JAX")
    if what != "step":
        raise ValueError("only training steps are written in JAX")
    jax.config.update("jax_default_matmul_precision", "highest")
    jax.config.update("jax_enable_x64", problem["dtype"] == "float64")
    arrays = numpy.load(Path(path).with_suffix(".npz"))
    xs, ys = jnp.asarray(arrays["x"]), jnp.asarray(arrays["y"])
    batches = [(xs[i], ys[i]) for i in range(len(ys))]
    update = OPTIMISERS[problem["optimiser"]]

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def train_step(ps, moments, x, y):
        loss, grads = jax.value_and_grad(entry.jax)(ps, x, y)
        return *update(ps, grads, moments, lr), loss

    def start():
        ps = {name[3:]: jnp.array(arrays[name]) for name in arrays.files if name.startswith("ps.")}
        zeros = (jax.tree.map(jnp.zeros_like, ps), jax.tree.map(jnp.zeros_like, ps), jnp.zeros(()))
        state, count = [ps, zeros, None], [0]

        def step():
            state[:] = jax.block_until_ready(train_step(*state[:2], *batches[count[0] % len(batches)]))
            count[0] += 1

        return step, lambda: float(state[2])

    return start


if __name__ == "__main__":
    # XLA makes as many threads as the process may use processors.
    turns.take(f"JAX {jax.__version__}", functools.partial(open_problem, case.load(sys.argv[1])),
               len(os.sched_getaffinity(0)))
