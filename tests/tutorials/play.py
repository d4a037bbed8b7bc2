"""A made-up play for programs that learn from a text, and how well a simple model does on one."""

import functools
import math
import random
from collections import Counter


@functools.cache
def play(size=40_000):
    """A made-up play: names, and lines from a small grammar."""
    draw = random.Random(7)
    one = draw.choice
    text = ""
    while len(text) < size:
        text += one(["ROSALIND", "ORLANDO", "THE FOOL", "A MESSENGER"]) + ":\n"
        for _ in range(draw.randint(1, 3)):
            text += " ".join([one(["Now", "Soon", "Never", "Tonight"]), one(["the moon", "my lord", "an old king", "your brother"]),
                              one(["comes to", "speaks of", "will forget", "sings in"]), one(["the forest", "a garden", "this house"])])
            text += one([".\n", "!\n", "?\n"])
        text += "\n"
    return text


def bigram_nats(train, test):
    """Of the best model that knows only the symbol before."""
    pairs, firsts = Counter(zip(train, train[1:])), Counter(train[:-1])
    symbols = len(set(train))
    return -sum(math.log((pairs[a, b] + 0.1) / (firsts[a] + 0.1 * symbols)) for a, b in zip(test, test[1:])) / (len(test) - 1)
