"""What the models share: the classifier head, and how a model reads weights that were written for another.

The head is found by its type, so that `trainer.weights` knows which tensors depend on the number of classes.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor, nn

State = Mapping[str, Tensor]
"""A state dict: parameter and buffer names to dense tensors."""


class Head(nn.Linear):
    """A linear classifier with dropout in front, in one module so that its keys stay `weight` and `bias`.

    Features (..., F) to logits (..., K). With `std` the weights start normal with that deviation and the bias at
    zero: small values start a pre-trained network from nearly uniform probabilities. Without, as `nn.Linear` does.
    """

    def __init__(self, features: int, classes: int, *, dropout: float = 0.0, std: float | None = None) -> None:
        super().__init__(features, classes)
        self.dropout = dropout
        if std is not None:
            nn.init.normal_(self.weight, std=std)
            nn.init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Logits of the features, some of which are dropped while training."""
        return super().forward(nn.functional.dropout(input, self.dropout, self.training))

    def extra_repr(self) -> str:
        """What `print(model)` shows of it."""
        return f"{super().extra_repr()}, dropout={self.dropout}"


def drop_paths(blocks: Sequence[Sequence[nn.Module]], rate: float) -> None:
    """Give residual blocks stochastic depth: in training a branch is left out for some samples, the more the deeper.

    `blocks` lists, from the first block to the last, the modules whose outputs are added to a shortcut. The share of
    samples (rows of the first axis) rises linearly from 0 in the first block to `rate` in the last; the other samples'
    branches are scaled up, so that the expectation stays. Nothing changes in evaluation, nor in the state dict.
    Source: Huang et al. 2016, "Deep Networks with Stochastic Depth"; the linear rule is theirs.
    """
    if not rate:
        return
    for place, branches in enumerate(blocks):
        share = rate * place / max(1, len(blocks) - 1)
        for branch in branches if share else ():
            branch.register_forward_hook(functools.partial(_dropped, share=share))


def _dropped(module: nn.Module, _args: object, output: Tensor, *, share: float) -> Tensor:
    from torchvision.ops import stochastic_depth

    kept: Tensor = stochastic_depth(output, share, "row", module.training)
    return kept


@dataclass(frozen=True)
class Translated:
    """Weights in the names and shapes of the model that will load them."""

    state: State
    """The tensors under the model's own names."""
    note: str = "its own format"
    """Which format the file had, for the report."""
    ignored: tuple[str, ...] = ()
    """Keys of the file that this model knows and has no use for (a pre-training decoder)."""
    fresh: tuple[str, ...] = ()
    """Beginnings of the model's names that such a file never holds; they keep their initial values."""


@runtime_checkable
class ReadsForeignWeights(Protocol):
    """A model that understands more formats than its own state dict."""

    def translate(self, state: State) -> Translated:
        """The file's tensors under this model's names; the file's own tensors are not changed."""
        ...
