"""What a job has to mind that was submitted with a working folder: it runs in a copy of it.

Each node that works for the job has such a copy. Code, settings and zoo are read there; what is
written there is lost with the job, so a store has to lie elsewhere.
"""

import json
import os
from pathlib import Path

from cluster.errors import SettingsError
from cluster.settings import Settings

_TOLD = "RAY_JOB_CONFIG_JSON_ENV_VAR"  # how Ray tells a submitted job what it was submitted with


def check_store(settings: Settings) -> None:
    """Raises SettingsError if the store would lie in a copy of the job's working folder."""
    store = settings.store
    relative = "://" not in store and not Path(store).expanduser().is_absolute()
    if relative and _in_a_copy():
        raise SettingsError(
            f"key 'store': '{store}' would lie in a copy of the working folder that the job was "
            "submitted with, and be lost; give a URL (s3://, gs://) or the full path of a folder "
            "that all nodes share"
        )


def _in_a_copy() -> bool:
    told = json.loads(os.environ.get(_TOLD, "{}"))
    return bool(told.get("runtime_env", {}).get("working_dir"))
