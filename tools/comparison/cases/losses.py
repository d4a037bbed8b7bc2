"""Every loss that torch.nn has too, each with its numbers stated."""

import numpy

from case import Case, case

SHAPE = (8, 256, 32)


def loss(name, words, head, loss_of, targets):
    """head: what follows the Dense, None for nothing; loss_of: nn -> the loss; targets: rng -> y."""

    @case(f"losses/{name}")
    def make(nn, rng):
        layers = [nn.Linear(16, 32)] + ([getattr(nn, head[0])(**head[1])] if head else [])
        return Case(f"{words}; Dense 16 => 32, batch 256", model=nn.Sequential(*layers), loss=loss_of(nn),
                    x=rng.standard_normal((*SHAPE[:2], 16)), y=targets(rng))


def numbers(rng):
    return rng.standard_normal(SHAPE)


def ones(rng):
    return rng.integers(0, 2, SHAPE).astype(float)


def labels(rng):
    return rng.integers(0, 32, SHAPE[:2])


def distributions(rng):
    weights = numpy.exp(rng.standard_normal(SHAPE))
    return weights / weights.sum(-1, keepdims=True)


def hinge(nn):
    # max(0, 1 - y (y_hat - 0))
    ranking = nn.MarginRankingLoss(margin=1.0)
    return lambda y_hat, y: ranking(y_hat, y_hat.new_zeros(y_hat.shape), y)


def likelihood(nn):
    of_logarithms = nn.NLLLoss()
    return lambda y_hat, y: of_logarithms(y_hat.log(), y)


def divergence(nn):
    of_logarithms = nn.KLDivLoss(reduction="batchmean")
    return lambda y_hat, y: of_logarithms(y_hat.log(), y)


SIGMOID, SOFTMAX, SOFTPLUS = ("Sigmoid", {}), ("Softmax", {"dim": -1}), ("Softplus", {"beta": 1, "threshold": 20})

loss("mse", "mean squared error", None, lambda nn: nn.MSELoss(), numbers)
loss("mae", "mean absolute error", None, lambda nn: nn.L1Loss(), numbers)
loss("huber", "Huber, delta 0.7", None, lambda nn: nn.HuberLoss(delta=0.7), numbers)
loss("hinge", "hinge", None, hinge, lambda rng: 2 * ones(rng) - 1)
loss("poisson", "Poisson, epsilon 1e-8", SOFTPLUS, lambda nn: nn.PoissonNLLLoss(log_input=False, full=False, eps=1e-8),
     lambda rng: rng.poisson(2.0, SHAPE).astype(float))
loss("binary_cross_entropy", "binary cross-entropy", SIGMOID, lambda nn: nn.BCELoss(), ones)
loss("binary_cross_entropy_logits", "binary cross-entropy of logits", None, lambda nn: nn.BCEWithLogitsLoss(), ones)
loss("cross_entropy", "cross-entropy of logits, labels", None, lambda nn: nn.CrossEntropyLoss(), labels)
loss("cross_entropy_smoothed", "cross-entropy of logits, labels smoothed by 0.1", None,
     lambda nn: nn.CrossEntropyLoss(label_smoothing=0.1), labels)
loss("cross_entropy_soft", "cross-entropy of logits, distributions", None, lambda nn: nn.CrossEntropyLoss(), distributions)
loss("negative_log_likelihood", "cross-entropy of probabilities, labels", SOFTMAX, likelihood, labels)
loss("kl_divergence", "Kullback-Leibler divergence", SOFTMAX, divergence, distributions)
