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


def classes(first, last):
    return numpy.linspace(first, last, SHAPE[-1])


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


def weighted(nn):
    weights = classes(0.5, 1.5)
    return lambda y_hat, y: nn.functional.cross_entropy(y_hat, y, weight=y_hat.new_tensor(weights))


def weighted_positives(nn):
    weights = classes(0.5, 2)
    return lambda y_hat, y: nn.functional.binary_cross_entropy_with_logits(
        y_hat, y, pos_weight=y_hat.new_tensor(weights))


def gaussian(nn):
    of_variances = nn.GaussianNLLLoss()
    return lambda y_hat, y: of_variances(y_hat, y, y.square() + 0.1)


def cosine(nn):
    of_pairs = nn.CosineEmbeddingLoss(margin=0.2)
    return lambda y_hat, y: of_pairs(y_hat, y, y[:, 0].sign())


def triplet(nn):
    of_triplets = nn.TripletMarginLoss()
    return lambda y_hat, y: of_triplets(y_hat, y, y.flip(0))


def connectionist(nn):
    ctc = nn.CTCLoss()

    def loss_of(y_hat, y):
        log_probabilities = y_hat.view(32, 8, 32).log_softmax(-1)
        return ctc(log_probabilities, y, y.new_full((8,), 32), y.new_full((8,), 10))

    return loss_of


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
loss("cross_entropy_weighted", "cross-entropy of logits, labels, weights of the classes", None, weighted, labels)
loss("cross_entropy_ignored", "cross-entropy of logits, one label left out", None,
     lambda nn: nn.CrossEntropyLoss(ignore_index=3), labels)
loss("binary_cross_entropy_logits_weighted", "binary cross-entropy of logits, weights of the positives", None,
     weighted_positives, ones)
loss("gaussian_nll", "Gaussian negative log-likelihood", None, gaussian, numbers)
loss("cosine_embedding", "cosine embedding, margin 0.2", None, cosine, numbers)
loss("triplet_margin", "triplets, margin 1", None, triplet, numbers)
loss("ctc", "connectionist temporal classification, time 32, batch 8, 10 labels", None, connectionist,
     lambda rng: rng.integers(1, 32, (SHAPE[0], 8, 10)))
loss("negative_log_likelihood", "cross-entropy of probabilities, labels", SOFTMAX, likelihood, labels)
loss("kl_divergence", "Kullback-Leibler divergence", SOFTMAX, divergence, distributions)
