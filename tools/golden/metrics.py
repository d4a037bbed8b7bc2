"""scikit-learn's values of the metrics, with and without a mask (needs scikit-learn beside torch and numpy).

The scores are fixed by a formula, rounded so that some are equal; class 3 is never predicted and class 4 never the
label, so that precision and recall divide by 0.
"""

import numpy as np
from sklearn import metrics

SAMPLES, CLASSES = 90, 5
AVERAGES = ("macro", "micro", "weighted", None)


def fixed(count, seed):
    k = np.arange(1, count + 1, dtype=np.float64)
    return np.sin(k * 1.7 + seed * 0.61 + 0.003 * k * k)


def class_data():
    scores = fixed(SAMPLES * CLASSES, 1).reshape(SAMPLES, CLASSES)
    scores[:, 3] -= 3
    labels = (np.abs(fixed(SAMPLES, 2)) * 997).astype(np.int64) % (CLASSES - 1)
    scores[np.arange(SAMPLES), labels] += 0.6
    return scores, labels


def of_classes(scores, labels):
    every = np.arange(CLASSES)
    predicted = scores.argmax(1)
    probabilities = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    made = {
        "accuracy": metrics.accuracy_score(labels, predicted),
        "top_2": metrics.top_k_accuracy_score(labels, scores, k=2, labels=every),
        "confusion": metrics.confusion_matrix(labels, predicted, labels=every).astype(np.float64),
        "perplexity": np.exp(metrics.log_loss(labels, probabilities, labels=every)),
    }
    for name, score in (("precision", metrics.precision_score), ("recall", metrics.recall_score), ("f1", metrics.f1_score)):
        for average in AVERAGES:
            made[f"{name}_{average or 'none'}"] = score(labels, predicted, labels=every, average=average, zero_division=0)
    return {key: np.asarray(value) for key, value in made.items()}


def of_two(probabilities, labels):
    predicted = (probabilities > 0.5).astype(np.int64)
    return {key: np.asarray(value) for key, value in {
        "accuracy": metrics.accuracy_score(labels, predicted),
        "precision": metrics.precision_score(labels, predicted),
        "recall": metrics.recall_score(labels, predicted),
        "f1": metrics.f1_score(labels, predicted),
        "auroc": metrics.roc_auc_score(labels, probabilities),
        "r2": metrics.r2_score(labels, probabilities),
    }.items()}


def case(y_hat, y, mask, values):
    return {"y_hat": y_hat, "y": y, "mask": mask, "all": values(y_hat, y), "masked": values(y_hat[mask], y[mask])}


def generate():
    mask = fixed(SAMPLES, 3) > -0.4
    scores, labels = class_data()
    probabilities = np.round((fixed(SAMPLES, 4) + 1) / 2, 2)  # with ties
    positive = (probabilities + 0.8 * fixed(SAMPLES, 5) > 0.5).astype(np.int64)
    return {"classes": case(scores, labels, mask, of_classes), "two": case(probabilities, positive, mask, of_two)}
