"""Many candidates scored in one pass of the decoder (order ``instruction-first``).

A row holds segments. A segment is an instruction, once, and a short block for each candidate: its
capability tokens and the last token of p, where the answer is read. A block attends to its own
instruction and to itself, at the positions it would have alone, so its score is what
``ModelSat.log_odds`` gives the same row, whatever stands beside it. Short segments share rows with
long ones, so that little is padded. What a score is, is said in ``network``.

Shapes: N instructions, M candidates, R rows, T tokens of a row, P blocks, D width of the decoder.
"""

import inspect
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, groupby
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel

from actors.selector.capability import CardTokens
from cluster.errors import SettingsError

if TYPE_CHECKING:
    from actors.selector.network import ModelSat

_WINDOWED = "sliding_attention"
_LAYERS = ("full_attention", _WINDOWED)
# Attention and its mask grow with the square of a row, which for blocks of hundreds of tokens
# (capability ``words``) costs more than reading the instruction once more.
_LONGEST_ROW = 2048


def check_decoder(decoder: PreTrainedModel) -> None:
    """Raises SettingsError if a decoder cannot be given its own mask and positions."""
    kinds = sorted(set(_layer_types(decoder)) - set(_LAYERS))
    placed = "position_ids" in inspect.signature(decoder.forward).parameters
    if kinds or not placed or decoder.config._attn_implementation != "sdpa":
        raise SettingsError(
            "key 'selector.order': instruction-first needs a decoder with position ids, SDPA and "
            f"layers of {' or '.join(_LAYERS)}; found {type(decoder).__name__} with "
            f"{decoder.config._attn_implementation}{''.join(f', {kind}' for kind in kinds)}"
        )


@torch.inference_mode()
def packed_log_odds(
    model: "ModelSat",
    ids_N: Sequence[Sequence[int]],
    cards_M: Sequence[CardTokens],
    tokens_per_batch: int,
) -> Tensor:
    """Log-odds of every instruction and candidate, ``[N, M]`` on the CPU.

    Args:
        model: a network of order instruction-first.
        ids_N: token ids of [x, p].
        cards_M: the candidates' capability tokens.
        tokens_per_batch: a pass has no more tokens than this, padding included; more only where
            an instruction with one candidate has.
    """
    longest = min(tokens_per_batch, _LONGEST_ROW)
    log_odds_NM = torch.zeros(len(ids_N), len(cards_M))
    prefix_N = [len(ids) - 1 for ids in ids_N]
    block_M = [len(card.tokens_CD) + 1 for card in cards_M]
    whole = (_segments(n, 0, prefix, block_M, longest) for n, prefix in enumerate(prefix_N))
    for rows in _batches(chain.from_iterable(whole), tokens_per_batch):
        segments = [segment for row in rows for segment in row]
        here = sorted({segment.instruction for segment in segments})
        words = dict(zip(here, model.words([ids_N[n] for n in here]), strict=True))
        log_odds_P = _pass(model, rows, words, cards_M).cpu()
        sizes = [len(segment.blocks) for segment in segments]
        for segment, part in zip(segments, torch.split(log_odds_P, sizes), strict=True):
            first = segment.candidate
            log_odds_NM[segment.instruction, first : first + len(segment.blocks)] = part
    return log_odds_NM


def packed_rows(
    model: "ModelSat",
    words: Sequence[Tensor],
    instruction_B: Sequence[int],
    cards_B: Sequence[CardTokens],
) -> Tensor:
    """Log-odds ``[B]`` of any rows in one pass, to learn from; rows of an instruction share it.

    Where their blocks are longer than a row, it is read once for each of several rows.

    Args:
        model: a network of order instruction-first.
        words: of the distinct instructions, as ``ModelSat.words`` gives them.
        instruction_B: which of ``words`` a row is about.
        cards_B: the candidate's capability tokens of each row.
    """
    order_P = sorted(range(len(cards_B)), key=lambda row: instruction_B[row])
    cards_P = [cards_B[row] for row in order_P]
    segments, first = list[Segment](), 0
    for instruction, rows in groupby(order_P, key=lambda row: instruction_B[row]):
        blocks = [len(cards_B[row].tokens_CD) + 1 for row in rows]
        prefix = len(words[instruction]) - 1
        segments += _segments(instruction, first, prefix, blocks, _LONGEST_ROW)
        first += len(blocks)
    no_limit = sum(segment.length for segment in segments) ** 2
    (packed,) = _batches(iter(segments), no_limit)
    log_odds = _pass(model, packed, dict(enumerate(words)), cards_P)
    rows_P = [
        order_P[place]
        for row in packed
        for segment in row
        for place in range(segment.candidate, segment.candidate + len(segment.blocks))
    ]
    return log_odds[torch.tensor(rows_P).argsort().to(log_odds.device)]


class Segment(NamedTuple):
    """An instruction and consecutive candidates, as lengths in tokens."""

    instruction: int
    candidate: int  # the first one
    prefix: int  # [x, p] without the last token
    blocks: list[int]

    @property
    def length(self) -> int:
        """Tokens in all."""
        return self.prefix + sum(self.blocks)


def _segments(
    instruction: int, first: int, prefix: int, blocks: Sequence[int], longest: int
) -> Iterator[Segment]:
    """An instruction and candidates from ``first`` on, cut where a segment would get too long."""
    segment = Segment(instruction, first, prefix, [])
    for candidate, block in enumerate(blocks, first):
        if segment.blocks and segment.length + block > longest:
            yield segment
            segment = Segment(instruction, candidate, prefix, [])
        segment.blocks.append(block)
    if segment.blocks:
        yield segment


def _batches(segments: Iterator[Segment], budget: int) -> Iterator[list[list[Segment]]]:
    """Rows of segments, as many as keep to the budget when all are as long as the first."""
    waiting = deque(sorted(segments, key=lambda segment: -segment.length))
    while waiting:
        capacity = waiting[0].length
        rows = [_fill(waiting, capacity)]
        while waiting and (len(rows) + 1) * capacity <= budget:
            rows.append(_fill(waiting, capacity))
        yield rows


def _fill(waiting: deque[Segment], capacity: int) -> list[Segment]:
    """A row of the longest segment and, from the short end, all that fit beside it."""
    row = [waiting.popleft()]
    room = capacity - row[0].length
    while waiting and waiting[-1].length <= room:
        row.append(waiting.pop())
        room -= row[-1].length
    return row


class Layout(NamedTuple):
    """Of each token ``[R, T]``; -1 is padding, on the right."""

    segment_RT: Tensor
    block_RT: Tensor  # 0: the instruction, then 1, 2, ... for the candidates
    position_RT: Tensor

    def mask(self, window: int | None = None) -> Tensor:
        """Which token (second last axis) sees which (last axis), ``[R, 1, T, T]``."""
        distance_RTT = self.position_RT[:, :, None] - self.position_RT[:, None, :]
        same_RTT = self.segment_RT[:, :, None] == self.segment_RT[:, None, :]
        own_RTT = self.block_RT[:, :, None] == self.block_RT[:, None, :]
        seen_RTT = same_RTT & (own_RTT | (self.block_RT == 0)[:, None, :]) & (distance_RTT >= 0)
        if window is not None:
            seen_RTT &= distance_RTT < window
        return seen_RTT[:, None]


def _layout(rows: Sequence[Sequence[Segment]]) -> Layout:
    padded = [
        pad_sequence(list(parts), batch_first=True, padding_value=-1)
        for parts in zip(*(_row_layout(row) for row in rows), strict=True)
    ]
    return Layout(*padded)


def _row_layout(row: Sequence[Segment]) -> tuple[Tensor, Tensor, Tensor]:
    """Segment, block and position of each token of a row."""
    blocks, positions = [], []
    for segment in row:
        sizes = torch.tensor([segment.prefix, *segment.blocks])
        block_T = torch.arange(len(sizes)).repeat_interleave(sizes)
        start_T = (sizes.cumsum(0) - sizes)[block_T]
        positions.append(torch.arange(len(block_T)) - start_T + segment.prefix * (block_T > 0))
        blocks.append(block_T)
    lengths = torch.tensor([segment.length for segment in row])
    segment_T = torch.arange(len(row)).repeat_interleave(lengths)
    return segment_T, torch.cat(blocks), torch.cat(positions)


def _pass(
    model: "ModelSat",
    rows: Sequence[Sequence[Segment]],
    words: Mapping[int, Tensor],
    cards_M: Sequence[CardTokens],
) -> Tensor:
    """Log-odds of all blocks, row by row."""
    layout = Layout(*(part.to(model.device) for part in _layout(rows)))
    embeds = [_row_embeds(row, words, cards_M) for row in rows]
    states_RTD = model.states(
        pad_sequence(embeds, batch_first=True),
        _masks(layout, model.decoder),
        layout.position_RT.clamp(min=0),
    )
    # A block is read at its last token: where the next one is of another block or segment.
    ends_RT = layout.block_RT > 0
    ends_RT[:, :-1] &= (layout.block_RT[:, 1:] != layout.block_RT[:, :-1]) | (
        layout.segment_RT[:, 1:] != layout.segment_RT[:, :-1]
    )
    cards_P = [card for row in rows for segment in row for card in _cards(segment, cards_M)]
    return model.answers(states_RTD[ends_RT], cards_P)


def _row_embeds(
    row: Sequence[Segment], words: Mapping[int, Tensor], cards_M: Sequence[CardTokens]
) -> Tensor:
    """What the decoder is given for a row, ``[T, D]``."""
    parts = []
    for segment in row:
        words_TD = words[segment.instruction]
        parts.append(words_TD[:-1])
        for card in _cards(segment, cards_M):
            parts += [card.tokens_CD, words_TD[-1:]]
    return torch.cat(parts)


def _cards(segment: Segment, cards_M: Sequence[CardTokens]) -> Sequence[CardTokens]:
    return cards_M[segment.candidate : segment.candidate + len(segment.blocks)]


def _masks(layout: Layout, decoder: PreTrainedModel) -> Tensor | dict[str, Tensor]:
    """The mask as the decoder takes it: one, or one for each kind of layer."""
    window = getattr(decoder.config, "sliding_window", None)
    if kinds := set(_layer_types(decoder)):
        return {kind: layout.mask(window if kind == _WINDOWED else None) for kind in kinds}
    return layout.mask(window)


def _layer_types(decoder: PreTrainedModel) -> Sequence[str]:
    return getattr(decoder.config, "layer_types", None) or ()
