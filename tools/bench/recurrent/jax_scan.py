"""JAX: lax.scan over the steps, the whole training step under one jit, buffers donated.

scan without its unroll, with which both spiral and char take longer.
"""

import functools
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import problem as problems
import turns

try:
    import jax
    import jax.numpy as jnp
except ImportError as error:
    turns.skip(f"this Python has no JAX ({error}); tools/setup --bench installs it")


def lstm(gates_x, carry, weight_hh, bias_hh):
    h, c = carry
    i, f, g, o = jnp.split(gates_x + h @ weight_hh.T, 4, axis=-1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


def gru(gates_x, carry, weight_hh, bias_hh):
    (h,) = carry
    r_x, z_x, n_x = jnp.split(gates_x, 3, axis=-1)
    r_h, z_h, n_h = jnp.split(h @ weight_hh.T + bias_hh, 3, axis=-1)
    r, z = jax.nn.sigmoid(r_x + r_h), jax.nn.sigmoid(z_x + z_h)
    n = jnp.tanh(n_x + r * n_h)
    return ((1 - z) * n + z * h,)


def rnn(gates_x, carry, weight_hh, bias_hh):
    (h,) = carry
    return (jnp.tanh(gates_x + h @ weight_hh.T),)


CELLS = {"lstm": (lstm, 2), "gru": (gru, 1), "rnn": (rnn, 1)}


def run_layer(x, ps, layer, shape):
    """x and the outputs: (time, batch, features)."""
    step, states = CELLS[shape.cell]
    weight_ih, weight_hh, bias_ih, bias_hh = (
        ps[f"{name}_l{layer}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    # What does not depend on the carry is one product for all steps.
    gates_x = x @ weight_ih.T + bias_ih + (0 if shape.cell == "gru" else bias_hh)

    def one(carry, gates):
        carry = step(gates, carry, weight_hh, bias_hh)
        return carry, carry[0]

    zeros = jnp.zeros((x.shape[1], weight_hh.shape[1]))
    return jax.lax.scan(one, (zeros,) * states, gates_x)[1]


def predict(ps, x, shape):
    h = jnp.swapaxes(x, 0, 1)
    for layer in range(shape.layers):
        h = run_layer(h, ps, layer, shape)
    h = jnp.swapaxes(h, 0, 1) if shape.loss == "next" else h[-1]
    return h @ ps["weight"].T + ps["bias"] if shape.outputs else h


def loss_of(ps, x, y, shape):
    y_hat = predict(ps, x, shape)
    if shape.loss == "binary":
        p = jax.nn.sigmoid(y_hat)[:, 0]
        epsilon = jnp.finfo(p.dtype).eps
        return -jnp.mean(y * jnp.log(p + epsilon) + (1 - y) * jnp.log(1 - p + epsilon))
    if shape.loss == "next":
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(y_hat), y[..., None], axis=-1))
    return jnp.mean((y_hat - y) ** 2)


@functools.partial(jax.jit, static_argnames="shape", donate_argnums=(0, 1))
def train_step(ps, moments, x, y, shape):
    loss, grads = jax.value_and_grad(loss_of)(ps, x, y, shape)
    m, v, t = moments
    t = t + 1
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)

    def moved(p, m, v):
        return p - shape.lr * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8)

    return jax.tree.map(moved, ps, m, v), (m, v, t), loss


def open_problem(path, what):
    problem = problems.read(path)
    shape = problem.shape
    if what != "step":
        raise ValueError("only training steps are written in JAX")
    # Numbers of 32 bits: JAX has no others by default.
    x, y = (jnp.asarray(problem.arrays[name]) for name in ("x", "y"))
    if shape.loss == "next":
        x = jax.nn.one_hot(x, shape.inputs)

    def start():
        ps = {name: jnp.array(values) for name, values in problem.arrays.items() if name not in ("x", "y")}
        zeros = jax.tree.map(jnp.zeros_like, ps)
        state = [ps, (zeros, jax.tree.map(jnp.zeros_like, ps), jnp.zeros(())), None]

        def step():
            state[:] = jax.block_until_ready(train_step(*state[:2], x, y, shape=shape))

        return step, lambda: float(state[2])

    return start


if __name__ == "__main__":
    # XLA makes as many threads as the process may use processors.
    turns.take(f"JAX {jax.__version__}", open_problem, len(os.sched_getaffinity(0)))
