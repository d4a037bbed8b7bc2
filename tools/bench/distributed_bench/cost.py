"""What a message costs, and a step of many processes.

A ring sends the sum of n bytes over p processes in 2 (p - 1) hops of n / p bytes:

    ring(p, n) = 2 (p - 1) a + 2 (p - 1) / p n / B        a: seconds of a hop, B: bytes per second

a tree sends all n bytes up and down again:

    tree(p, n) = 2 ceil(log2 p) (a + n / B)

Gloo sends by a ring. Training on a tree means sums within each machine first, then among machines.
"""

import dataclasses
import math

PROCESSES = [2**k for k in range(1, 11)]
MESSAGE_EXTRA = 12  # bytes of a step's message beside the gradients: loss, weight and rows


@dataclasses.dataclass(frozen=True)
class Network:
    name: str
    latency: float  # a
    bandwidth: float  # B

    def ring(self, p, n):
        return 2 * (p - 1) * self.latency + 2 * (p - 1) / p * n / self.bandwidth

    def tree(self, p, n):
        return 2 * math.ceil(math.log2(p)) * (self.latency + n / self.bandwidth)


NETWORKS = [
    Network("1 Gbit/s, 80 us", 80e-6, 1e9 / 8),
    Network("10 Gbit/s, 30 us", 30e-6, 10e9 / 8),
    Network("100 Gbit/s, 10 us", 10e-6, 100e9 / 8),
    Network("100 Mbit/s, 20 ms", 20e-3, 100e6 / 8),
]


def fit(p, seconds, name="this machine"):
    """(a Network, its largest relative deviation) from {bytes: seconds} of a ring of p processes.

    Least squares of the relative deviations, so that small messages count as much as large ones; neither a
    nor 1 / B is below 0.
    """
    # t = x a + y / B; the row of each size is divided by its time.
    rows = [(2 * (p - 1) / t, 2 * (p - 1) / p * n / t) for n, t in seconds.items()]
    xx, xy, yy = (sum(a * b for a, b in pairs) for pairs in (
        [(x, x) for x, _ in rows], rows, [(y, y) for _, y in rows]))
    sx, sy = sum(x for x, _ in rows), sum(y for _, y in rows)
    determinant = xx * yy - xy * xy
    if determinant > 1e-12 * xx * yy:
        latency, inverse = (sx * yy - sy * xy) / determinant, (sy * xx - sx * xy) / determinant
    else:
        latency, inverse = sx / xx, 0.0
    if latency < 0:
        latency, inverse = 0.0, sy / yy
    elif inverse <= 0:
        latency, inverse = sx / xx, 0.0
    network = Network(name, latency, 1 / inverse if inverse > 0 else math.inf)
    return network, max(abs(network.ring(p, n) - t) / t for n, t in seconds.items())


def predict(network, parameters, compute, processes=PROCESSES):
    """[{processes, ring, tree, step, efficiency}], in seconds; the step takes the shorter message.

    compute: seconds of a step without its message. efficiency: the share of a step that computes, where
    each process has as many rows as one had before.
    """
    rows, size = [], 4 * parameters + MESSAGE_EXTRA
    for p in processes:
        ring, tree = network.ring(p, size), network.tree(p, size)
        step = compute + min(ring, tree)
        rows.append({"processes": p, "ring": ring, "tree": tree, "step": step, "efficiency": compute / step})
    return rows
