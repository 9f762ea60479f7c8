"""The file .env: what it says holds, and what it cannot say is named."""

import pytest

from dagster_project.cli.env_file import settings_in
from dagster_project.errors import UsageError


def test_settings_are_read_and_what_is_of_others_is_passed_over(tmp_path):
    """Another program's file stops Hourglass, or a setting is not the one that was written."""
    assert settings_in(tmp_path) == {}
    (tmp_path / ".env").write_bytes(
        b"\xef\xbb\xbfHOURGLASS_CURRENCY=EUR # euros\r\n"
        b"export HOURGLASS_TIME_ZONE='Europe/Paris'\n"
        b"#HOURGLASS_LANGUAGE\nother tool's line\nNAME=\xe9t\xe9\nHOURGLASS_DATA_DIR=\n"
        b"BASE=/srv\nHOURGLASS_PROJECT_DIR=${BASE}/own\n"
    )
    assert settings_in(tmp_path) == {
        "HOURGLASS_CURRENCY": "EUR",
        "HOURGLASS_TIME_ZONE": "Europe/Paris",
        "HOURGLASS_DATA_DIR": "",
        "HOURGLASS_PROJECT_DIR": "/srv/own",
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"A=1\nHOURGLASS_CURRENCY EUR\n", "line 2: no setting"),
        (b"A=1\nHOURGLASS_CURRENCY\n", "line 2: no setting"),
        (b"HOURGLASS_DATA_DIR='/srv\n", "line 1: no setting"),
        (b"\nHOURGLASS_DATA_DIR=/srv/\xe9t\xe9\n", "line 2: HOURGLASS_DATA_DIR is not UTF-8"),
        ("HOURGLASS_CURRENCY=EUR\n".encode("utf-16"), "UTF-16"),
    ],
)
def test_a_setting_that_cannot_be_read_is_named(tmp_path, content, message):
    """A setting is not in force and nobody is told, or a stack trace is all that is said."""
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(UsageError, match=message) as told:
        settings_in(tmp_path)
    assert "srv" not in told.value.message
