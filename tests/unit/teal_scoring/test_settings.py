import pathlib

import pytest

from teal_scoring.failures import BadArguments, BadSettings
from teal_scoring.settings import Settings, parse_settings


def parse(*argv: str, **environ: str) -> Settings:
    return parse_settings(argv, environ, pathlib.Path("/app"))


def test_defaults_are_those_of_the_reference_server() -> None:
    settings = parse()
    assert (settings.port, settings.worker_count, settings.scoring_timeout_ms) == (5001, 1, 3_600_000)
    assert settings.app_root == pathlib.Path("/app")
    assert settings.entry_script is None


def test_the_command_line_wins_over_the_environment() -> None:
    settings = parse("--entry_script", "a.py", "--worker_count", "3", AZUREML_ENTRY_SCRIPT="b.py", WORKER_COUNT="2")
    assert (settings.entry_script, settings.worker_count) == ("a.py", 3)


def test_workers_share_the_instances_limit() -> None:
    assert parse(WORKER_COUNT="4", TEAL_MAX_CONCURRENT="4").max_concurrent_per_worker == 1
    assert parse(WORKER_COUNT="4", TEAL_MAX_CONCURRENT="5").max_concurrent_per_worker == 2
    assert parse(WORKER_COUNT="4", TEAL_MAX_CONCURRENT="1").max_concurrent_per_worker == 1


@pytest.mark.parametrize(
    "environ",
    [
        {"WORKER_COUNT": "many"},
        {"WORKER_COUNT": "0"},
        {"SCORING_TIMEOUT_MS": "-1"},
        {"TEAL_MAX_CONCURRENT": "1.5"},
        {"TEAL_STOP_GRACE_S": "nan"},
        {"SERVER_VERSION_LOG_RESPONSE_ENABLED": "perhaps"},
    ],
)
def test_a_variable_that_makes_no_sense_is_named(environ: dict[str, str]) -> None:
    with pytest.raises(BadSettings, match=next(iter(environ))):
        parse(**environ)


def test_a_wrong_argument_is_told_apart_from_a_wrong_variable() -> None:
    with pytest.raises(BadArguments, match="--port"):
        parse("--port", "five")
    with pytest.raises(BadSettings, match="--host"):
        parse("--host", "example.org")
