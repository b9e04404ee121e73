"""The core tasks that an instruction is most like, as the selector's own encoder sees them.

For people who want to know why a candidate is chosen; no score depends on it.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sentence_transformers import SentenceTransformer
from sentence_transformers.util import semantic_search

from actors.examiner.card import CapabilityCard
from actors.selector.cascade import Cascade
from actors.selector.instruction import clipped
from actors.selector.item_response import ItemResponse
from actors.selector.scorer import Scorer
from actors.selector.scoring import Selector

_WINDOW = 512  # tokens of an encoder that names no limit


class Near(NamedTuple):
    """A core task, and the cosine of its topics and an instruction."""

    task: str
    similarity: float


class NearestTasks:
    """The tasks of an aptitude test, each read once."""

    def __init__(self, encoder: SentenceTransformer, card: CapabilityCard) -> None:
        """``card``: of any candidate; all cards of a test have the same tasks."""
        self._encoder = encoder
        self._tasks = [result.task for result in card.tasks]
        self._topics_TE = self._read([result.topics() for result in card.tasks])

    def of(self, instructions: Sequence[str], count: int) -> list[list[Near]]:
        """Of each instruction the ``count`` nearest tasks, or all if there are fewer."""
        found = semantic_search(self._read(instructions), self._topics_TE, top_k=count)
        return [
            [Near(self._tasks[hit["corpus_id"]], float(hit["score"])) for hit in hits]
            for hits in found
        ]

    def _read(self, texts: Sequence[str]) -> object:
        limit = self._encoder.max_seq_length or _WINDOW
        return self._encoder.encode(
            [clipped(text, limit) for text in texts],
            convert_to_tensor=True,
            show_progress_bar=False,
        ).cpu()


def encoder_of(scorer: Scorer) -> SentenceTransformer:
    """The sentence encoder of a stored selector; of two one after the other, the large one's."""
    if isinstance(scorer, Cascade):
        return encoder_of(scorer.large)
    assert isinstance(scorer, Selector | ItemResponse), type(scorer)
    return scorer.encoder
