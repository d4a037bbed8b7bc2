"""A competitor in Python: `competitor.py FOLDER eager`, foreach (eager, Adam not fused), compiled (torch.compile),
or luxtorch (luxtorch.nn).

The training step is the usual one; a forward pass is one in inference_mode, in evaluation. turns.py has
the conversation.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "bench")]

import case  # noqa: E402
import turns  # noqa: E402

try:
    import torch
except ImportError as error:
    turns.skip(f"this Python has no PyTorch ({error})")

torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False

import problem_file as problems  # noqa: E402
import training  # noqa: E402


def module(kind):
    if kind != "luxtorch":
        return torch.nn
    try:
        import luxtorch
    except ImportError as error:
        turns.skip(str(error))
    return problems.replaced(LSTM=luxtorch.nn.LSTM, GRU=luxtorch.nn.GRU, RNN=luxtorch.nn.RNN)


def train(problem, compiled):
    objective = torch.compile(problem.objective) if compiled else problem.objective

    def start():
        problem.start()
        take, last = training.steps(problem, objective), [None]

        def step():
            last[0] = take().item()

        return step, lambda: last[0]

    return start


def forward(problem, compiled):
    run = torch.compile(problem.model) if compiled else problem.model

    def start():
        problem.start()
        problem.model.eval()
        (x, y), last = problem.batch(0), [None, None]

        def step():
            with torch.inference_mode():
                last[0] = run(*x)
                if problem.device.type != "cpu":
                    last[0].sum().item()  # waits

        def value():  # once: the output stays the same
            if last[1] is None:
                last[1] = problem.loss(last[0], y).item()
            return last[1]

        return step, value

    return start


def main(folder, kind):
    entries, nn, compiled = case.load(folder), module(kind), kind == "compiled"

    def open_problem(path, what):
        problem = problems.Problem(path, entries, nn)
        if kind == "foreach":
            problem.optimiser += "_foreach"
        start = (train if what == "step" else forward)(problem, compiled)
        if compiled:
            start()[0]()  # fails here where there is no compiler
        return start

    turns.take(f"PyTorch {torch.__version__}, Python {sys.version.split()[0]}", open_problem,
               torch.get_num_threads())


if __name__ == "__main__":
    main(*sys.argv[1:])
