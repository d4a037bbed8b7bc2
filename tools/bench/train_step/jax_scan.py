"""JAX: lax.scan over the steps, the whole training step under one jit, buffers donated."""

import functools
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import problem as problems  # noqa: E402
import turns  # noqa: E402

try:
    import jax
    import jax.numpy as jnp
except ImportError as error:
    turns.skip(f"this Python has no JAX ({error}); tools/setup --bench installs it")


def lstm(gates_x, carry, ps):
    h, c = carry
    i, f, g, o = jnp.split(gates_x + h @ ps["weight_hh"].T, 4, axis=-1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


def gru(gates_x, carry, ps):
    (h,) = carry
    r_x, z_x, n_x = jnp.split(gates_x, 3, axis=-1)
    r_h, z_h, n_h = jnp.split(h @ ps["weight_hh"].T + ps["bias_hh"], 3, axis=-1)
    r, z = jax.nn.sigmoid(r_x + r_h), jax.nn.sigmoid(z_x + z_h)
    n = jnp.tanh(n_x + r * n_h)
    return ((1 - z) * n + z * h,)


def rnn(gates_x, carry, ps):
    (h,) = carry
    return (jnp.tanh(gates_x + h @ ps["weight_hh"].T),)


CELLS = {"lstm": (lstm, 2), "gru": (gru, 1), "rnn": (rnn, 1)}


def loss_of(ps, x, y, cell):
    step, states = CELLS[cell]
    # What does not depend on the carry is one product for all steps.
    bias = ps["bias_ih"] + (0 if cell == "gru" else ps["bias_hh"])
    gates_x = jnp.swapaxes(x, 0, 1) @ ps["weight_ih"].T + bias
    zeros = jnp.zeros((x.shape[0], ps["weight_hh"].shape[1]))
    carry, _ = jax.lax.scan(lambda carry, g: (step(g, carry, ps), None), (zeros,) * states, gates_x)
    p = jax.nn.sigmoid(carry[0] @ ps["weight"].T + ps["bias"])[:, 0]
    epsilon = jnp.finfo(p.dtype).eps
    return -jnp.mean(y * jnp.log(p + epsilon) + (1 - y) * jnp.log(1 - p + epsilon))


@functools.partial(jax.jit, static_argnames="cell", donate_argnums=(0, 1))
def train_step(ps, moments, x, y, cell):
    loss, grads = jax.value_and_grad(loss_of)(ps, x, y, cell)
    m, v, t = moments
    t = t + 1
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)

    def moved(p, m, v):
        return p - problems.ADAM_LR * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8)

    return jax.tree.map(moved, ps, m, v), (m, v, t), loss


def main(path):
    problem = problems.read(path)
    x, y = (jnp.asarray(problem.arrays[name]) for name in ("x", "y"))

    def start():
        ps = {name: jnp.array(values) for name, values in problem.arrays.items() if name not in ("x", "y")}
        zeros = jax.tree.map(jnp.zeros_like, ps)
        state = [ps, (zeros, jax.tree.map(jnp.zeros_like, ps), jnp.zeros(()))]

        def step():
            state[0], state[1], loss = train_step(*state, x, y, cell=problem.cell)
            return float(loss)

        return step

    # XLA makes as many threads as the process may use processors.
    turns.take(f"JAX {jax.__version__}", start, len(os.sched_getaffinity(0)))


if __name__ == "__main__":
    main(sys.argv[1])
