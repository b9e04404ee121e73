"""Linear layers in eight-bit integers, for encoders on CPUs: three to four times faster there.

Weights have a scale for each output, activations one for each token, so what comes out for a text
does not hang on the texts beside it in a batch. torch's own dynamic quantization (one scale for a
whole batch) is deprecated and ten times coarser on these encoders; torchao's spends more time in
Python than a short text takes in all.

Shapes: ... any, I and O width of input and output, T tokens of all texts.
"""

import torch
from torch import Tensor, nn

_MOST = 127


class Int8Linear(nn.Module):
    """As the linear layer it is made from, but for rounding: some percent of a state's length."""

    weight_IO: Tensor
    scale_O: Tensor
    bias_O: Tensor

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight_OI = linear.weight.detach()
        scale_O = _scale(weight_OI)
        whole_OI = (weight_OI / scale_O[:, None]).round().to(torch.int8)
        bias_O = torch.zeros_like(scale_O) if linear.bias is None else linear.bias.detach()
        self.register_buffer("weight_IO", whole_OI.t())
        self.register_buffer("scale_O", scale_O)
        self.register_buffer("bias_O", bias_O)

    def forward(self, states: Tensor) -> Tensor:
        """From ``[..., I]`` to ``[..., O]``."""
        states_TI = states.reshape(-1, states.shape[-1])
        scale_T1 = _scale(states_TI)[:, None]
        whole_TI = (states_TI / scale_T1).round_().to(torch.int8)
        products_TO = torch._int_mm(whole_TI, self.weight_IO).float()
        found_TO = torch.addcmul(self.bias_O, products_TO.mul_(scale_T1), self.scale_O)
        return found_TO.view(*states.shape[:-1], -1)


def in_int8(model: nn.Module) -> nn.Module:
    """Puts every linear layer of ``model`` into integers, in place; not for tuning."""
    for name, part in model.named_children():
        if isinstance(part, nn.Linear):
            setattr(model, name, Int8Linear(part))
        else:
            in_int8(part)
    return model


def _scale(rows: Tensor) -> Tensor:
    """What one step of eight bits is worth in each row; of a row of zeros, anything but zero."""
    return rows.abs().amax(-1).clamp_min(torch.finfo(rows.dtype).tiny * _MOST) / _MOST
