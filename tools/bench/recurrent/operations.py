"""How many operations the matrix products of a step are, which the share of the limit counts alone.

An (m, k) matrix by a (k, n) one is 2 m n k operations:

    forward     each layer's product with its input and the one with the carry, of all steps, and the
                head's; symbols as input are rows that are looked up, so no product
    backward    twice that, one for the weights' gradient and one for the input's, without the gradient
                of the data, which nobody asks for

Element-wise work, memory and Adam are not counted, so 100 % cannot be reached.
"""


def of_products(s, training):
    steps = s.batch * s.time
    rows = s.gates * s.hidden
    from_data = 0 if s.loss == "next" else 2 * steps * rows * s.inputs
    from_below = 2 * steps * rows * s.hidden * (s.layers - 1)
    carried = 2 * steps * rows * s.hidden * s.layers
    head = 2 * (steps if s.loss == "next" else s.batch) * s.hidden * s.outputs
    forward = from_data + from_below + carried + head
    return forward + (2 * forward - from_data) * training
