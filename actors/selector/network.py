"""The MODEL-SAT network: capability encoder psi, connector W, decoder phi (paper: eqs. 2-4).

Written for one device and free of Ray. Owns how a capability card and an instruction become the
log-odds of 'Yes'. Text is cut and tokenised in ``instruction``; batching for throughput is
``scoring``'s, training is ``actors.tuner``'s, files are ``checkpoint``'s.

Eq. 4 as computed here: p allows two answers, so we restrict the vocabulary to them. The score is
Pr('Yes'|z) = sigmoid(log-odds), log-odds = logit('Yes') - logit('No') at the last position of z.
It lies in [0, 1] whatever else the decoder would like to say, and the log-odds are the logits
over a group in eq. 5.

Shapes, as suffixes of names:
    B rows (an instruction paired with a card)   T tokens of z     C capability tokens of a card
    E width of the encoder                       D width of the decoder
"""

import logging
from collections.abc import Iterator, Sequence
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
from actors.selector.instruction import InquiryTokenizer, windows
from cluster.errors import SettingsError, StoreError
from cluster.settings import SelectorSettings
from cluster.store import Store, model_source

# What both networks are loaded with: no code from the hub, no pickle.
SAFE = {"use_safetensors": True, "dtype": torch.float32}


class ModelSat(nn.Module):
    """Gives rows of (capability card, instruction) the log-odds that the candidate can do it.

    Weights are float32; ``settings.dtype`` is what matrices are multiplied in.
    """

    def __init__(
        self,
        encoder: SentenceTransformer,
        decoder: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        settings: SelectorSettings,
    ) -> None:
        """The connector starts at zero: see ``scale_connector`` and ``checkpoint.load``."""
        super().__init__()
        self.settings = settings
        self.encoder = encoder
        self.decoder = decoder
        self.inquiry = InquiryTokenizer(tokenizer, settings.max_instruction_tokens)
        embedding_E = encoder.get_embedding_dimension()
        self.connector = nn.Linear(embedding_E, decoder.get_input_embeddings().embedding_dim, False)
        nn.init.zeros_(self.connector.weight)
        for weight in self.parameters():
            # Loaded weights are views into mapped files, aligned as the file happens to be, and
            # kernels round by alignment. Own memory makes a reload bit-equal.
            weight.data = weight.data.clone()
        self.eval()

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.connector.weight.device

    def windows(self, card: CapabilityCard) -> list[str]:
        """c^m in texts that the encoder reads whole. Raises UserError if a line is too long."""
        tokenizer, limit = self.encoder.tokenizer, self.encoder.max_seq_length
        return windows(
            card.lines(),
            lambda text: len(tokenizer(text, verbose=False)["input_ids"]) <= limit,
        )

    def psi(self, texts: Sequence[str]) -> Tensor:
        """psi(c^m): one vector a window, ``[C, E]``, pooled as the encoder pools."""
        features = batch_to_device(self.encoder.preprocess(list(texts)), self.device)
        with self._precision():
            vectors_CE: Tensor = self.encoder(features)["sentence_embedding"]
        return vectors_CE.float()

    def capability_tokens(self, vectors_CE: Tensor) -> Tensor:
        """Eq. 2: e_c = W psi(c^m), ``[C, D]``."""
        with self._precision():
            tokens_CD: Tensor = self.connector(vectors_CE)
        return tokens_CD.float()

    def log_odds(self, tokens_B: Sequence[Tensor], ids_B: Sequence[Sequence[int]]) -> Tensor:
        """Eqs. 3 and 4 for rows of capability tokens ``[C, D]`` and token ids of [x, p].

        Rows may differ in length: they are padded on the left, where nothing attends to it.
        """
        embed = self.decoder.get_input_embeddings()
        lengths = [len(ids) for ids in ids_B]
        flat = torch.tensor([id_ for ids in ids_B for id_ in ids], device=self.device)
        rows = [
            torch.cat([tokens_CD, words_TD])
            for tokens_CD, words_TD in zip(tokens_B, embed(flat).split(lengths), strict=True)
        ]
        ones = [torch.ones(len(row_TD), dtype=torch.long, device=self.device) for row_TD in rows]
        embeds_BTD = pad_sequence(rows, batch_first=True, padding_side="left")
        mask_BT = pad_sequence(ones, batch_first=True, padding_side="left")
        with self._precision():
            logits_B1V = self.decoder(
                inputs_embeds=embeds_BTD,
                attention_mask=mask_BT,
                position_ids=(mask_BT.cumsum(1) - 1).clamp(min=0),
                use_cache=False,
                logits_to_keep=1,
            ).logits
        logits_BV: Tensor = logits_B1V[:, -1].float()
        return logits_BV[:, self.inquiry.yes] - logits_BV[:, self.inquiry.no]

    def forward(
        self,
        cards: Sequence[Sequence[str] | Tensor],
        card_B: Sequence[int],
        ids_B: Sequence[Sequence[int]],
    ) -> Tensor:
        """Log-odds ``[B]`` of rows, each card being read once for all its rows.

        Args:
            cards: of each distinct card the windows, or psi of them where it is known already.
            card_B: which of ``cards`` a row is about.
            ids_B: token ids of [x, p].
        """
        tokens = [
            self.capability_tokens(card if isinstance(card, Tensor) else self.psi(card))
            for card in cards
        ]
        return self.log_odds([tokens[card] for card in card_B], ids_B)

    def _precision(self) -> AbstractContextManager[object]:
        low = self.settings.dtype == "bfloat16"
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=low)


def create(settings: SelectorSettings, store: Store, seed: int) -> ModelSat:
    """An untuned selector from its sources; the same seed gives the same weights.

    Raises:
        StoreError: a source is in no store or folder, or the decoder's is no causal LM.
        SettingsError: the decoder has fewer layers than ``decoder_layers``.
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
    """Draws W so that capability tokens are about as long as the decoder's word embeddings."""
    probe = TaskResult(task="general knowledge", keywords=[], accuracy=0.5, count=1)
    vector_1E = model.psi([probe.line()])
    words_VD = model.decoder.get_input_embeddings().weight
    length = words_VD.norm(dim=1).mean() / (vector_1E.norm() * words_VD.shape[1] ** 0.5)
    generator = torch.Generator().manual_seed(seed)
    weight_DE = torch.randn(model.connector.weight.shape, generator=generator)
    model.connector.weight.copy_(weight_DE.to(model.device) * length)
