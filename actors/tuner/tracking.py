"""Where a run's metrics go besides Ray's own report: TensorBoard, MLflow, Weights & Biases.

Each package is imported only if the settings name it. Servers, projects and keys are the
packages' own business: their environment variables and login files hold. Event files of
TensorBoard lie in the store under ``tuning/RUN/tensorboard/``; a run that was taken up again adds
a folder to it, and TensorBoard shows them as one.
"""

import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cluster.errors import SettingsError
from cluster.store import Store

PROJECT = "model-sat"
_PACKAGES = {"tensorboard": "tensorboardX", "mlflow": "mlflow", "wandb": "wandb"}


class Tracker:
    """Takes the metrics of a run."""

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Notes metrics of an optimiser step, counted from the start of the course."""
        raise NotImplementedError

    def flush(self) -> None:
        """Makes what was noted visible, the latest perhaps not yet, where that needs a push."""

    def close(self) -> None:
        """Ends the run: no more will come."""


def check_packages(names: Sequence[str]) -> None:
    """Raises SettingsError if a tracker's package is not installed."""
    for name in names:
        if find_spec(_PACKAGES[name]) is None:
            raise SettingsError(
                f"key 'tuning.track_with': '{name}' needs package '{_PACKAGES[name]}', which is "
                f"not installed; install it by: pip install {_PACKAGES[name]}"
            )


def start_trackers(
    names: Sequence[str], store: Store, run: str, settings: Mapping[str, Any]
) -> list[Tracker]:
    """The trackers ``names`` of a run whose settings are noted with it."""
    makers: dict[str, Callable[..., Tracker]] = {
        "tensorboard": _TensorBoard,
        "mlflow": _MLflow,
        "wandb": _WeightsAndBiases,
    }
    return [makers[name](store, run, settings) for name in names]


class _TensorBoard(Tracker):
    def __init__(self, store: Store, run: str, settings: Mapping[str, Any]) -> None:
        from tensorboardX import SummaryWriter

        self._store, self._place = store, f"tuning/{run}/tensorboard/{uuid.uuid4().hex}"
        self._folder = tempfile.TemporaryDirectory()
        self._writer = SummaryWriter(self._folder.name)
        self._writer.add_text("settings", str(dict(settings)))

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        for name, value in metrics.items():
            self._writer.add_scalar(name, value, step)

    def flush(self) -> None:
        self._writer.flush()
        self._put()

    def close(self) -> None:
        self._writer.close()
        self._put()
        self._folder.cleanup()

    def _put(self) -> None:
        # Files of a remote store cannot grow, so they are written anew.
        self._store.put_folder(self._place, Path(self._folder.name))


class _MLflow(Tracker):
    def __init__(self, store: Store, run: str, settings: Mapping[str, Any]) -> None:
        from ray.air.integrations.mlflow import setup_mlflow

        self._mlflow = setup_mlflow(
            dict(settings),
            experiment_name=PROJECT,
            run_name=run,
            create_experiment_if_not_exists=True,
        )

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        self._mlflow.log_metrics(dict(metrics), step=step)

    def close(self) -> None:
        self._mlflow.end_run()


class _WeightsAndBiases(Tracker):
    def __init__(self, store: Store, run: str, settings: Mapping[str, Any]) -> None:
        from ray.air.integrations.wandb import setup_wandb

        self._run = setup_wandb(dict(settings), trial_id=run, trial_name=run, project=PROJECT)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        self._run.log(dict(metrics), step=step)

    def close(self) -> None:
        self._run.finish()
