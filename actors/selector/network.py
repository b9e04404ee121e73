"""The MODEL-SAT network: capability encoder psi, connector W, decoder phi (paper: eqs. 2-4).

Written for one device and free of Ray. Owns how a capability card and an instruction become the
log-odds of 'Yes'. Text is cut and tokenised in ``instruction``, cards are read in ``capability``,
the answer is read in ``head``; batches are ``scoring``'s, many candidates in one pass ``packed``'s,
training is ``actors.tuner``'s, files are ``checkpoint``'s.

Eq. 4 as computed here: p allows two answers, so we restrict the vocabulary to them. The score is
Pr('Yes'|z) = sigmoid(log-odds), log-odds = logit('Yes') - logit('No') at the last position of z.
It lies in [0, 1] whatever else the decoder would like to say, and the log-odds are the logits
over a group in eq. 5.

The setting ``order`` says how a row is laid out: z = [c, x, p], or [x, p, c] with the last token of
p after c, for there the answer is read. In the latter all but c and one token is the same for
every candidate. With ``capability_layer`` c enters above the decoder's first layers, and those
read [x, p] alone: once for all candidates, and once for all epochs where they do not learn.

Shapes, as suffixes of names:
    B rows (an instruction paired with a card)   T tokens of z     C capability tokens of a card
    P states that are read                       E width of the encoder    D width of the decoder
"""

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.util import batch_to_device
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from actors.examiner.card import CapabilityCard, TaskResult
from actors.selector.capability import Capability, CardTokens, Connector, Encoded, read
from actors.selector.head import Head
from actors.selector.instruction import InquiryTokenizer
from actors.selector.packed import check_decoder, packed_rows
from actors.selector.split import split
from cluster.errors import SettingsError, StoreError
from cluster.settings import SelectorSettings
from cluster.store import Store, model_source

# What both networks are loaded with: no code from the hub, no pickle.
SAFE = {"use_safetensors": True, "dtype": torch.float32}
_ALIKE = 0.75  # of the longest row, that one which shares a pass with it has at least


class ModelSat(nn.Module):
    """Gives rows of (capability card, instruction) the log-odds that the candidate can do it.

    Weights are float32; ``settings.dtype`` is what matrices are multiplied in.
    """

    kind = "model-sat"

    def __init__(
        self,
        encoder: SentenceTransformer,
        decoder: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        settings: SelectorSettings,
    ) -> None:
        """The connector starts at zero: see ``scale_connector`` and ``checkpoint.load``.

        Raises:
            SettingsError: the decoder cannot take the order or the layer of the settings.
        """
        super().__init__()
        self.settings = settings
        self.encoder = encoder
        self.decoder = decoder
        self.inquiry = InquiryTokenizer(tokenizer, settings.max_instruction_tokens)
        width_D = decoder.get_input_embeddings().embedding_dim
        self.connector = Connector(encoder.get_embedding_dimension(), width_D, settings)
        self.head = Head(width_D, settings)
        if settings.order == "instruction-first":
            check_decoder(decoder)
        # A tuple, which torch does not look into: the decoder has these weights already.
        self._lower_upper = split(decoder.base_model, settings.capability_layer)
        for weight in self.parameters():
            # Loaded weights are views into mapped files, aligned as the file happens to be, and
            # kernels round by alignment. Own memory makes a reload bit-equal.
            weight.data = weight.data.clone()
        self.eval()

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        found: torch.device = self.decoder.device
        return found

    @property
    def reader(self) -> nn.Module | None:
        """The decoder's layers that read an instruction before any capability token is there."""
        return self._lower_upper[0]

    @property
    def card_reader(self) -> nn.Module:
        """What ``psi`` runs."""
        words: nn.Module = self.decoder.get_input_embeddings()
        return words if self.settings.capability == "words" else self.encoder

    def own_parts(self) -> dict[str, nn.Module]:
        """The parts that come from no source: they are new, and learn in every stage."""
        return {"connector": self.connector, "head": self.head}

    def capability(self, card: CapabilityCard) -> Capability:
        """What the settings read of a card. Raises UserError if a line of it is too long."""
        tokenizer, limit = self.encoder.tokenizer, self.encoder.max_seq_length
        return read(
            card,
            self.settings,
            lambda text: len(tokenizer(text, verbose=False)["input_ids"]) <= limit,
        )

    def psi(self, texts: Sequence[str]) -> Tensor:
        """psi of each text, ``[C, E]``, pooled as the encoder pools.

        With capability ``words`` the decoder's embeddings ``[C, D]`` of all their words.
        """
        if self.settings.capability == "words":
            return torch.cat(self.words([self.inquiry.tokens(text) for text in texts]))
        features = batch_to_device(self.encoder.preprocess(list(texts)), self.device)
        with self._precision():
            vectors_CE: Tensor = self.encoder(features)["sentence_embedding"]
        return vectors_CE.float()

    def encode(
        self, capability: Capability, psi: Callable[[Sequence[str]], Tensor] | None = None
    ) -> Encoded:
        """psi(c^m): all of eq. 2 that is the same as long as the encoder does not learn.

        ``psi`` takes the place of the network's own, for those who remember what it said.
        """
        psi, profile_E = psi or self.psi, None
        if capability.topics:
            numbers_K = torch.tensor(capability.numbers, device=self.device)
            topics_KE = psi(capability.topics)
            # What tells candidates apart: where each is better than it is on the whole.
            strengths_K = numbers_K - numbers_K.mean()
            profile_E = strengths_K @ (topics_KE - topics_KE.mean(0)) / math.sqrt(len(numbers_K))
        return Encoded(psi(capability.texts), profile_E, capability.level)

    def tokens(self, card: Capability | Encoded) -> CardTokens:
        """Eq. 2: e_c = W psi(c^m), ``[C, D]``, with the card's level."""
        encoded = self.encode(card) if isinstance(card, Capability) else card
        with self._precision():
            tokens_CD: Tensor = self.connector(encoded)
        return CardTokens(tokens_CD.float(), encoded.level)

    def words(self, ids_B: Sequence[Sequence[int]]) -> list[Tensor]:
        """What capability tokens are put beside, ``[T, D]`` of each list of token ids.

        The decoder's word embeddings; with ``capability_layer`` what its first layers make of them.
        """
        flat = torch.tensor([id_ for ids in ids_B for id_ in ids], device=self.device)
        embeds: Tensor = self.decoder.get_input_embeddings()(flat)
        words_B = list(torch.split(embeds, [len(ids) for ids in ids_B]))
        return self._read(self.reader, words_B) if self.reader else words_B

    def states(
        self, embeds_BTD: Tensor, mask: Tensor | dict[str, Tensor], position_BT: Tensor
    ) -> Tensor:
        """The decoder's last states ``[B, T, D]``. ``mask`` is any that the decoder takes."""
        return self._run(self._lower_upper[1], embeds_BTD, mask, position_BT)

    def _run(
        self,
        part: nn.Module,
        embeds_BTD: Tensor,
        mask: Tensor | dict[str, Tensor],
        position_BT: Tensor,
    ) -> Tensor:
        with self._precision():
            states_BTD: Tensor = part(
                inputs_embeds=embeds_BTD,
                attention_mask=mask,
                position_ids=position_BT,
                use_cache=False,
            ).last_hidden_state
        return states_BTD

    def answers(self, states_PD: Tensor, cards_P: Sequence[CardTokens]) -> Tensor:
        """Eq. 4: log-odds ``[P]`` read from the last state of a row, about each row's card."""
        level_P = torch.tensor([card.level for card in cards_P], device=self.device)
        ids = torch.tensor([self.inquiry.yes, self.inquiry.no], device=self.device)
        log_odds_P: Tensor = self.head(
            states_PD.float(), level_P, self.decoder.get_output_embeddings(), ids
        )
        return log_odds_P

    def log_odds(self, cards_B: Sequence[CardTokens], words_B: Sequence[Tensor]) -> Tensor:
        """Eqs. 3 and 4 for rows of capability tokens and the ``words`` of [x, p].

        Rows may differ in length: they are padded on the left, where nothing attends to it.
        """
        rows = [
            self._row(card.tokens_CD, words_TD)
            for card, words_TD in zip(cards_B, words_B, strict=True)
        ]
        last_BD = [states_TD[-1] for states_TD in self._through(self._lower_upper[1], rows)]
        return self.answers(torch.stack(last_BD), cards_B)

    def forward(
        self,
        cards: Sequence[Capability | Encoded],
        card_B: Sequence[int],
        instructions: Sequence[Sequence[int] | Tensor],
        instruction_B: Sequence[int] | None = None,
    ) -> Tensor:
        """Log-odds ``[B]`` of rows; a card is read once for all its rows.

        So is an instruction with order instruction-first, for its rows share a pass.

        Args:
            cards: the distinct cards, as far as they are known already.
            card_B: which of ``cards`` a row is about.
            instructions: token ids of [x, p] of the distinct instructions, or their ``words``.
            instruction_B: which of ``instructions`` a row is about; None: each row has its own.
        """
        tokens = [self.tokens(card) for card in cards]
        cards_B = [tokens[card] for card in card_B]
        words = self._known_words(instructions)
        if instruction_B is None:
            instruction_B = range(len(words))
        if self.settings.order == "instruction-first":
            return packed_rows(self, words, instruction_B, cards_B)
        return self.log_odds(cards_B, [words[instruction] for instruction in instruction_B])

    def _known_words(self, instructions: Sequence[Sequence[int] | Tensor]) -> list[Tensor]:
        new = [each for each in instructions if not isinstance(each, Tensor)]
        made = iter(self.words(new) if new else ())
        return [
            each.to(self.device, torch.float32) if isinstance(each, Tensor) else next(made)
            for each in instructions
        ]

    def _read(self, reader: nn.Module, words_B: Sequence[Tensor]) -> list[Tensor]:
        """Rows through the lower layers, those of like length together: little is padded.

        While they learn, all together: a layer that workers share is gathered whenever it is
        called, so all must call it equally often.
        """
        alike = 0.0 if torch.is_grad_enabled() else _ALIKE
        found: dict[int, Tensor] = {}
        waiting = sorted(range(len(words_B)), key=lambda row: -len(words_B[row]))
        while waiting:
            least = alike * len(words_B[waiting[0]])
            rows = [row for row in waiting if len(words_B[row]) >= least]
            waiting = waiting[len(rows) :]
            read = self._through(reader, [words_B[row] for row in rows])
            found.update(zip(rows, read, strict=True))
        return [found[row] for row in range(len(words_B))]

    def _through(self, part: nn.Module, rows: Sequence[Tensor]) -> list[Tensor]:
        """What layers make of rows ``[T, D]`` of any lengths; a token sees those before it."""
        ones = [torch.ones(len(row_TD), dtype=torch.long, device=self.device) for row_TD in rows]
        embeds_BTD = pad_sequence(list(rows), batch_first=True, padding_side="left")
        mask_BT = pad_sequence(ones, batch_first=True, padding_side="left")
        position_BT = (mask_BT.cumsum(1) - 1).clamp(min=0)
        states_BTD = self._run(part, embeds_BTD, mask_BT, position_BT)
        return [
            states_TD[len(states_TD) - len(row_TD) :]
            for states_TD, row_TD in zip(states_BTD, rows, strict=True)
        ]

    def _row(self, tokens_CD: Tensor, words_TD: Tensor) -> Tensor:
        """Eq. 3: z in the order of the settings."""
        if self.settings.order == "card-first":
            return torch.cat([tokens_CD, words_TD])
        return torch.cat([words_TD[:-1], tokens_CD, words_TD[-1:]])

    def _precision(self) -> AbstractContextManager[object]:
        low = self.settings.dtype == "bfloat16"
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=low)


def create(settings: SelectorSettings, store: Store, seed: int) -> ModelSat:
    """An untuned selector from its sources; the same seed gives the same weights.

    Raises:
        StoreError: a source is in no store or folder, or the decoder's is no causal LM.
        SettingsError: the decoder has fewer layers than ``decoder_layers``, or as ``ModelSat``.
    """
    encoder = SentenceTransformer(
        model_source(settings.encoder, store),
        device="cpu",
        trust_remote_code=False,
        model_kwargs=SAFE,
    )
    source = model_source(settings.decoder, store)
    tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    model = ModelSat(encoder, _decoder(source, settings.decoder_layers), tokenizer, settings)
    scale_connector(model, seed)
    return model


def _decoder(source: str, layers: int | None) -> PreTrainedModel:
    config = AutoConfig.from_pretrained(source, trust_remote_code=False)
    if layers is not None:
        keep_layers(config, layers)
    with _without_load_report():
        decoder, info = AutoModelForCausalLM.from_pretrained(
            source, config=config, trust_remote_code=False, output_loading_info=True, **SAFE
        )
    if info["missing_keys"]:
        raise StoreError(f"decoder '{source}': no causal LM, it lacks {min(info['missing_keys'])}")
    return decoder


@contextmanager
def _without_load_report() -> Iterator[None]:
    """Keeps transformers from listing the layers that are left out on purpose."""
    logger = logging.getLogger("transformers.modeling_utils")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def keep_layers(config: PretrainedConfig, count: int) -> None:
    """Makes ``config`` one of the first ``count`` layers; the others are not even read."""
    text = config.get_text_config()
    if count > text.num_hidden_layers:
        raise SettingsError(
            f"key 'selector.decoder_layers': the decoder has {text.num_hidden_layers} layers; "
            f"found {count}"
        )
    text.num_hidden_layers = count
    if getattr(text, "layer_types", None):
        text.layer_types = text.layer_types[:count]


@torch.no_grad()
def scale_connector(model: ModelSat, seed: int) -> None:
    """Draws W so that capability tokens are about as long as the words that they stand beside.

    Queries that pool tasks are drawn after it: from zero they would all stay alike.
    """
    if model.connector.weight is None:
        return
    probe = TaskResult(task="general knowledge", keywords=[], accuracy=0.5, count=1)
    vector_1E = model.psi([probe.line()])
    words_VD = model.decoder.get_input_embeddings().weight
    if model.reader:  # the median, for the first of a decoder's states are far longer than others
        words_length = model.words([model.inquiry.inquiry])[0].norm(dim=1).median()
    else:
        words_length = words_VD.norm(dim=1).mean()
    length = words_length / (vector_1E.norm() * words_VD.shape[1] ** 0.5)
    generator = torch.Generator().manual_seed(seed)
    weight_DE = torch.randn(model.connector.weight.shape, generator=generator)
    model.connector.weight.copy_(weight_DE.to(model.device) * length)
    if model.connector.queries_QE is not None:
        queries_QE = torch.randn(model.connector.queries_QE.shape, generator=generator)
        model.connector.queries_QE.copy_(queries_QE)
