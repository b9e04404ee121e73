import numpy as np
import pytest
import torch
from torch import Tensor, nn

from actors.selector.int8 import in_int8
from cluster.errors import SettingsError

IDS_BT = np.array([[1, 2, 3, 4], [5, 6, 0, 0], [7, 0, 0, 0]])
MASK_BT = (IDS_BT > 0).astype(np.int64)


class Words(nn.Module):
    """The mean over a text of what two layers make of its words; the last word is an outlier."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words = nn.Embedding(8, 160)
        self.words.weight.data[7] *= 1000
        self.layers = nn.Sequential(nn.Linear(160, 64), nn.Tanh(), nn.Linear(64, 24))

    def forward(self, ids_BT: Tensor, mask_BT: Tensor) -> Tensor:
        mask_BT1 = mask_BT.unsqueeze(-1)
        means: Tensor = (self.layers(self.words(ids_BT)) * mask_BT1).sum(1) / mask_BT1.sum(1)
        return means


def test_integers_come_close_for_texts_of_any_number_and_length() -> None:
    network = Words().eval()
    found = in_int8(network)
    for ids_BT, mask_BT in ((IDS_BT, MASK_BT), (IDS_BT[:1, :2], MASK_BT[:1, :2])):
        with torch.inference_mode():
            exact = network(torch.from_numpy(ids_BT), torch.from_numpy(mask_BT)).numpy()
        off = np.linalg.norm(found(ids_BT, mask_BT) - exact, axis=1) / np.linalg.norm(exact, axis=1)
        assert (off > 0).all()
        assert (off < 0.03).all()


def test_a_text_does_not_hang_on_those_beside_it() -> None:
    found = in_int8(Words().eval())
    beside, alone = found(IDS_BT, MASK_BT)[1], found(IDS_BT[1:2, :2], MASK_BT[1:2, :2])[0]
    np.testing.assert_allclose(beside, alone, rtol=1e-5)


def test_a_network_that_onnx_does_not_know_is_refused() -> None:
    class Hashing(nn.Module):
        def forward(self, ids_BT: Tensor, mask_BT: Tensor) -> Tensor:
            return torch.tensor([hash(tuple(row)) % 7 for row in ids_BT.tolist()]).float()

    with pytest.raises(SettingsError, match=r"'selector.precision'.*'float32'"):
        in_int8(Hashing())
