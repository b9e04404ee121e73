"""Weights and gradients on several workers, in torch's terms: nothing here knows Ray.

With DDP each worker holds all weights and only gradients are joined. With FSDP each worker holds
a share of every tensor that learns, and of its gradient and the optimiser's state; networks are
sharded in place, so they go on under their names. It is torch's ``fully_shard`` rather than the
older class that Ray's ``prepare_model`` knows, for it runs on CPUs (gloo) as well and can be tested
there.

Everything here that gathers or shards is collective: all workers must call it, in one order.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from actors.selector.network import ModelSat


def shard(model: ModelSat) -> None:
    """Shards what learns of a network in place over all workers of the process group.

    The decoder's layers are gathered one at a time. All else is gathered for the whole pass: the
    encoder runs once a card, so workers do not call its layers equally often. Frozen weights stay
    whole: what they say is remembered, so they are read outside the pass, each worker at its own
    times, when nothing could be gathered.
    """
    mesh = init_device_mesh(model.device.type, (torch.distributed.get_world_size(),))
    layers = model.decoder._no_split_modules or ()
    for module in list(model.decoder.modules()):
        if type(module).__name__ in layers and any(w.requires_grad for w in module.parameters()):
            fully_shard(module, mesh=mesh)
    frozen = {weight for weight in model.parameters() if not weight.requires_grad}
    fully_shard(model, mesh=mesh, ignored_params=frozen)


@contextmanager
def gradients_joined(model: nn.Module, joined: bool) -> Iterator[None]:
    """Whether a pass ends in the exchange of gradients; those of other passes pile up till then."""
    if isinstance(model, FSDPModule):
        model.set_requires_gradient_sync(joined)
    if isinstance(model, DistributedDataParallel) and not joined:
        with model.no_sync():
            yield
    else:
        yield


def whole(tensor: Tensor) -> Tensor:
    """The tensor that this worker may hold a share of."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def share_of(tensor: Tensor, like: Tensor) -> Tensor:
    """The share of a whole tensor that this worker holds of ``like``."""
    if isinstance(like, DTensor):
        return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements)
    return tensor


@torch.no_grad()
def copy_weights(source: ModelSat, target: ModelSat) -> None:
    """Gives a network that is not sharded the weights of one that may be."""
    learnt = dict(source.named_parameters())
    for name, weight in target.named_parameters():
        weight.copy_(whole(learnt[name]))
