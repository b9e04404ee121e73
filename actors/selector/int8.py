"""A network on the CPU as one call of ONNX Runtime, its matrices in eight-bit integers.

For one short text that is twice as fast as torch, which goes through Python for each of some
hundred small operations; and a serving process answers others meanwhile, for Python's lock is free
until the call returns. Weights have a scale for every 128 inputs of an output, activations one for
every token, so what comes out for a text does not hang on the texts beside it in a batch. (ONNX
Runtime's own dynamic quantization has one scale for a whole batch, and is three times coarser.)

The graph is made when a network is loaded, which takes some seconds, and never leaves memory:
weights lie in safetensors only.

Shapes: B texts, T tokens.
"""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from cluster.errors import SettingsError

Tokens: TypeAlias = NDArray[np.int64]
OfTokens: TypeAlias = Callable[[Tokens, Tokens], NDArray[np.float32]]

_BLOCK = 128  # inputs that share a scale
_SLOWER = ["SkipLayerNormFusion"]  # a seventh of the time: the fused operator is a plain loop
_INT8_ACTIVATIONS = 4  # ONNX Runtime's word for products of integers, not of floats made from them


def in_int8(network: nn.Module) -> OfTokens:
    """A network from token ids and attention mask ``[B, T]`` to one array, as a function.

    It computes with as many threads as torch has when it is made.

    Raises:
        SettingsError: the network is none that ONNX knows.
    """
    # Here and not on top: a second that only needs who computes so.
    import onnxruntime
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    quantizer = MatMulNBitsQuantizer(
        _graph(network),
        bits=8,
        block_size=_BLOCK,
        is_symmetric=True,
        accuracy_level=_INT8_ACTIVATIONS,
    )
    quantizer.process()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    # Threads that wait do so asleep: other processes may have use for the cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(
        quantizer.model.model.SerializeToString(),
        options,
        providers=["CPUExecutionProvider"],
        disabled_optimizers=_SLOWER,
    )

    def run(ids_BT: Tokens, mask_BT: Tokens) -> NDArray[np.float32]:
        found: NDArray[np.float32]
        (found,) = session.run(None, {"ids": ids_BT, "mask": mask_BT})
        return found

    return run


def _graph(network: nn.Module) -> object:
    """The network as ONNX, for texts of any number and length."""
    example_BT = torch.ones((2, 4), dtype=torch.long)
    mask_BT = example_BT.clone()
    mask_BT[1, 3] = 0  # or the mask would be left out of the graph
    sizes = {0: torch.export.Dim("B"), 1: torch.export.Dim("T", min=2)}
    try:
        with _quiet(), torch.inference_mode(False):
            program = torch.onnx.export(
                network,
                (example_BT, mask_BT),
                input_names=["ids", "mask"],
                dynamic_shapes=(sizes, sizes),
                dynamo=True,
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        raise SettingsError(
            "key 'selector.precision': ONNX knows no encoder like this one; set it to 'float32' "
            f"({type(error).__name__}: {str(error).splitlines()[0]})"
        ) from error
    assert program
    return program.model_proto


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter says of packages that are not there, of names and of its future."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
