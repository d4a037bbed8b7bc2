"""The limit of a step: the time of its matrix products alone, at the rate of a large product.

How they are counted, an (m, k) matrix by a (k, n) one as 2 m n k operations:

    forward     each layer's product with its input and the one with the carry, of all steps, and the
                head's; symbols as input are rows that are looked up, so no product
    backward    twice that, one for the weights' gradient and one for the input's, without the gradient
                of the data, which nobody asks for

Element-wise work, memory and Adam are not counted, so 100 % cannot be reached.
"""

import interleaved
from competitors import start_one


def operations(s, training):
    steps = s.batch * s.time
    rows = s.gates * s.hidden
    from_data = 0 if s.loss == "next" else 2 * steps * rows * s.inputs
    from_below = 2 * steps * rows * s.hidden * (s.layers - 1)
    carried = 2 * steps * rows * s.hidden * s.layers
    head = 2 * (steps if s.loss == "next" else s.batch) * s.hidden * s.outputs
    forward = from_data + from_below + carried + head
    return forward + (2 * forward - from_data) * training


class Limit:
    """The machine's rate, measured between the others' turns: of the fastest product. Unknown where this
    Python has no torch."""

    SIZE = 1024

    def __init__(self, options, stack):
        self.competitor = self.ns = None
        try:
            self.competitor = stack.enter_context(start_one(options, "gemm"))
        except interleaved.Skipped as reason:
            print(f"skipped: the share of the limit: {reason}")
            return
        self.competitor.open("-")
        self.measure(warm=5, products=20)

    def measure(self, warm=1, products=3):
        if self.competitor:
            ns = min(self.competitor.take_turn(warm, products).ns)
            self.ns = min(ns, self.ns or ns)

    @property
    def rate(self):
        """Operations in a nanosecond, or None."""
        return self.ns and 2 * self.SIZE**3 / self.ns

    def ms(self, shape, training):
        """What the products need, or None."""
        return self.rate and operations(shape, training) / self.rate / 1e6

    def share(self, shape, training, ms):
        """How much of so many milliseconds the products need, or None."""
        return self.rate and self.ms(shape, training) / ms


def percent(share):
    return "-" if share is None else f"{share:.1%}"
