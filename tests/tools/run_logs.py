"""Logs of trainings that never were, as the callback JsonLines writes them."""

import json
import math

ROW = {"path": "layer_1", "layer": "Dense(2 => 32)", "output": "(128, 32)", "dtype": "float32", "parameters": 96,
       "trainable": 96, "states": 0, "bytes": 384, "flops": 16384, "step_flops": 49152, "kept_bytes": 16384, "seconds": 1.5e-05}


def start(**changes):
    line = {"kind": "start", "time": 1.8e9, "step": 0, "epoch": 0, "epochs": 20, "batches": 50,
            "model": "Chain(\n    layer_1 = Dense(2 => 32, relu),\n    layer_2 = Dense(32 => 2),\n)", "parameters": 162,
            "optimizer": "Adam", "hyperparameters": {"learning_rate": 0.01, "beta1": 0.9}, "settings": {"width": 32, "data": "spirals"},
            "luxtorch": "0.1.0", "torch": "2.13.0", "host": "ada", "command": "./spirals --width 32", "threads": 2, "processes": 1,
            "summary": {"rows": [ROW], "totals": {"parameters": 162, "flops": 20480}}}
    return {**line, **changes}


def step(number, loss, **changes):
    line = {"kind": "step", "time": 1.8e9 + number / 100, "step": number, "epoch": (number + 49) // 50, "batch": (number - 1) % 50 + 1,
            "loss": loss, "lr": 0.01, "samples_per_second": 12800.0}
    return {**line, **changes}


def epoch(number, metrics, **changes):
    line = {"kind": "epoch", "time": 1.8e9 + number / 2, "epoch": number, "step": 50 * number, "seconds": number / 2, "metrics": metrics,
            "lr": 0.01, "samples_per_second": 12800.0, "memory_bytes": 412_000_000}
    return {**line, **changes}


def text(step, words):
    return {"kind": "text", "time": 1.8e9 + step / 100, "step": step, "text": words}


def end(step, reason="", error=False):
    return {"kind": "end", "time": 1.8e9 + step / 100, "step": step, "epoch": step // 50, "reason": reason, "error": error}


def losses(at):
    """Train and validation; the latter is least after 16 epochs of 20."""
    train = 0.05 + 0.65 * math.exp(-at / 4)
    return train, train + 0.04 + 0.002 * max(0, at - 15) ** 2


def training(epochs=20, **changes):
    """A whole run."""
    lines = [start(**changes)]
    for number in range(1, epochs + 1):
        lines += [step(s, losses(s / 50)[0] + 0.03 * math.sin(s)) for s in range(50 * number - 40, 50 * number + 1, 10)]
        train, validation = losses(number)
        lines.append(epoch(number, {"loss": train, "accuracy": 1 - train, "validation_loss": validation,
                                    "validation_accuracy": 1 - validation}))
    lines.append(text(800, "SaveBest: validation_loss 0.1039, saved to runs/a/best.pt"))
    return [*lines, end(50 * epochs)]


def write(folder, lines, behind=""):
    """lines: of dicts, or of strings as they are to be in the file."""
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    (folder / "log.jsonl").write_text(text + behind)
