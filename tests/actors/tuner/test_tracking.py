import struct
import sys
from pathlib import Path

import pytest
from tensorboardX.proto.event_pb2 import Event

from actors.tuner.tracking import check_packages, start_trackers
from cluster.errors import SettingsError
from cluster.store import Store


def events(file: Path) -> list[Event]:
    """The records of an event file: length, checksum, event, checksum."""
    found, data = [], file.read_bytes()
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        event = Event()
        event.ParseFromString(data[12 : 12 + length])
        found.append(event)
        data = data[16 + length :]
    return found


def scalars(folder: Path) -> list[tuple[str, int, float]]:
    return [
        (value.tag, event.step, value.simple_value)
        for file in folder.rglob("events*")
        for event in events(file)
        for value in event.summary.value
        if value.HasField("simple_value")
    ]


def test_tensorboard_files_lie_in_the_store(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    [tracker] = start_trackers(["tensorboard"], store, "run", {"seed": 0})
    tracker.log({"loss": 0.5, "lr": 0.25}, 1)
    tracker.flush()
    place = tmp_path / "tuning" / "run" / "tensorboard"
    assert len(list(place.glob("*/events*"))) == 1
    tracker.log({"loss": 0.125}, 2)
    tracker.close()
    assert scalars(place) == [("loss", 1, 0.5), ("lr", 1, 0.25), ("loss", 2, 0.125)]

    # A run that was taken up again adds to what is there.
    [later] = start_trackers(["tensorboard"], store, "run", {"seed": 0})
    later.log({"loss": 0.0}, 3)
    later.close()
    assert len(scalars(place)) == 4


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)  # as where it is not installed
    check_packages(["tensorboard"])
    with pytest.raises(SettingsError, match=r"'tuning.track_with': 'mlflow' .* pip install mlflow"):
        check_packages(["tensorboard", "mlflow"])
