"""Where a submitted job's store may lie."""

import json
from pathlib import Path

import pytest

from cluster.errors import SettingsError
from cluster.settings import SelectorSettings, Settings
from jobs.submitted import check_store


def settings(store: str) -> Settings:
    return Settings(
        store=store, zoo="zoo.yaml", selector=SelectorSettings(encoder="e", decoder="d")
    )


def submitted(monkeypatch: pytest.MonkeyPatch, **runtime_env: str) -> None:
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps({"runtime_env": runtime_env}))


def test_a_store_in_a_copy_of_the_working_folder_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    submitted(monkeypatch, working_dir="gcs://_ray_pkg_1234.zip")
    with pytest.raises(SettingsError, match="key 'store': 'store' would lie in a copy"):
        check_store(settings("store"))


def test_a_store_that_all_nodes_share_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    submitted(monkeypatch, working_dir="gcs://_ray_pkg_1234.zip")
    for store in (str(tmp_path), "~/store", "s3://bucket/store"):
        check_store(settings(store))


def test_without_a_working_folder_paths_are_the_machines_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check_store(settings("store"))  # no submitted job
    submitted(monkeypatch)  # as in a RayJob, whose image has a working folder
    check_store(settings("store"))
