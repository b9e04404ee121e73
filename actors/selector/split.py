"""A decoder's lower and upper layers as two networks, which share its weights.

What its first layers make of an instruction can then be kept, and capability tokens put beside it.

Shapes: B rows, T tokens, D width of the decoder.
"""

import copy

import torch
from torch import nn
from transformers import PretrainedConfig, PreTrainedModel

from cluster.errors import SettingsError

_PROBE = 5  # tokens


def split(decoder: PreTrainedModel, layer: int) -> tuple[nn.Module | None, nn.Module]:
    """The first ``layer`` layers, None where there are none, and those above with the last norm.

    Raises:
        SettingsError: there are no layers above, or the two in turn are not the decoder.
    """
    if not layer:
        return None, decoder
    layers = getattr(decoder, "layers", None)
    if layers is None or not hasattr(decoder, "norm"):
        raise SettingsError(_refusal(decoder))
    if layer >= len(layers):
        raise SettingsError(
            f"key 'selector.capability_layer': must be below the decoder's {len(layers)} layers; "
            f"found {layer}"
        )
    lower, upper = _part(decoder, slice(0, layer)), _part(decoder, slice(layer, len(layers)))
    lower.norm = nn.Identity()
    _check_equal(decoder, lower, upper)
    return lower, upper


def _part(decoder: PreTrainedModel, which: slice) -> PreTrainedModel:
    """A decoder of some of the layers: the same objects, so that they learn and move together."""
    part = copy.copy(decoder)
    part._modules = dict(decoder._modules)
    part.layers = decoder.layers[which]
    part.config = _config(decoder.config, which)
    return part


def _config(config: PretrainedConfig, which: slice) -> PretrainedConfig:
    """What says which kind each layer is, by its place."""
    found = copy.deepcopy(config)
    found.num_hidden_layers = which.stop - which.start
    if kinds := getattr(found, "layer_types", None):
        found.layer_types = kinds[which]
    return found


@torch.no_grad()
def _check_equal(decoder: PreTrainedModel, lower: PreTrainedModel, upper: PreTrainedModel) -> None:
    """Some decoders do more than run their layers, such as scale what comes in."""
    width = decoder.get_input_embeddings().embedding_dim
    probe_1TD = torch.randn(1, _PROBE, width, generator=torch.Generator().manual_seed(0))
    probe_1TD = probe_1TD.to(decoder.device)
    whole = decoder(inputs_embeds=probe_1TD, use_cache=False).last_hidden_state
    below = lower(inputs_embeds=probe_1TD, use_cache=False).last_hidden_state
    in_turn = upper(inputs_embeds=below, use_cache=False).last_hidden_state
    if not torch.allclose(whole, in_turn, atol=1e-3):
        raise SettingsError(_refusal(decoder))


def _refusal(decoder: PreTrainedModel) -> str:
    return (
        "key 'selector.capability_layer': needs a decoder whose layers can be run apart; found "
        f"{type(decoder).__name__}"
    )
