"""What every engine answers to: the sampling, and the protocol of an engine for batches.

Roles that ask candidates know this page only. Which engine serves a candidate is chosen in
``batch.py`` (Ray Data) and ``online.py`` (Ray Serve). Nothing here imports Ray.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol, TypeAlias

import pyarrow as pa

Dataset: TypeAlias = Any  # ray.data.Dataset, which carries no types; not imported, see above

# The columns an engine adds to each row. ``error`` says why there is no ``output``: of the two
# exactly one is null. Token counts and times are null where an engine does not know them.
COMPLETION = pa.schema(
    [
        pa.field("output", pa.string()),
        pa.field("prompt_tokens", pa.int64()),
        pa.field("completion_tokens", pa.int64()),
        # From the request to its whole answer, beside all others that the engine has under way.
        pa.field("seconds", pa.float64()),
        pa.field("error", pa.string()),
    ]
)


@dataclass(frozen=True)
class Sampling:
    """How an answer is drawn; the default is greedy, so that exams repeat."""

    max_tokens: int
    temperature: float = 0.0
    seed: int | None = None

    def parameters(self) -> dict[str, Any]:
        """As vLLM's sampling parameters and OpenAI's requests name them; nothing that is null."""
        return {name: value for name, value in asdict(self).items() if value is not None}


class BatchEngine(Protocol):
    """Answers all rows of a dataset.

    Rows that fail carry an ``error`` and do not stop the others; an engine that cannot start at
    all raises when the dataset is consumed.
    """

    @property
    def needs(self) -> Mapping[str, float]:
        """What it holds of the cluster while it answers, by Ray's names, at most."""
        ...

    def answer(self, conversations: Dataset, sampling: Sampling) -> Dataset:
        """Adds the columns of COMPLETION; lazy, as Ray Data's own operations are.

        Args:
            conversations: rows with ``messages``, a list of {role, content}; their other columns
                are carried over, ``messages`` is not. The order of rows may change.
            sampling: how answers are drawn.
        """
        ...
