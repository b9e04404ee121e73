import pytest

from actors.examiner.importers.registry import all_importers, find_importer
from cluster.errors import SettingsError


def test_formats_are_found() -> None:
    assert list(all_importers()) == sorted(all_importers())
    assert "table" in all_importers()
    for name, importer in all_importers().items():
        assert importer.name == name
        assert "\n" not in importer.summary


def test_an_unknown_format_is_answered_with_those_there() -> None:
    with pytest.raises(SettingsError, match=r"no format is called 'tabel'; there are: .*table"):
        find_importer("tabel")
