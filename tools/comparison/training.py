"""The usual training step in PyTorch."""

import torch

import optimisers


def steps(problem, objective):
    """A function that takes the next step and returns its loss. A model without parameters is not changed: its step
    is the loss and the gradients of x.
    """
    parameters = list(problem.model.parameters())
    optimiser = optimisers.make(problem.optimiser, parameters, problem.lr) if parameters else None
    taken = 0

    def with_parameters(x, y):
        optimiser.zero_grad()
        loss = objective(x, y)
        loss.backward()
        optimiser.step()
        return loss

    def without_parameters(x, y):
        x = tuple(t.detach().requires_grad_(t.is_floating_point()) for t in x)
        loss = objective(x, y)
        torch.autograd.grad(loss, [t for t in x if t.requires_grad])
        return loss

    def step():
        nonlocal taken
        taken += 1
        return (with_parameters if parameters else without_parameters)(*problem.batch(taken - 1))

    return step
