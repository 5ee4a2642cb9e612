import pathlib

import pytest

from teal_scoring.failures import BadArguments, BadSettings
from teal_scoring.settings import Settings, parse_settings


def parse(*argv: str, **environ: str) -> Settings:
    return parse_settings(argv, {"AZUREML_ENTRY_SCRIPT": "score.py", **environ}, pathlib.Path("/app"))


def test_defaults_are_those_of_the_reference_server() -> None:
    settings = parse()
    assert (settings.port, settings.worker_count, settings.scoring_timeout_ms) == (5001, 1, 3_600_000)
    assert settings.app_root == pathlib.Path("/app")
    assert settings.health_port is None
    assert settings.worker_timeout_s == 300
    assert settings.capture is None


def test_where_probes_limit_the_start_only_a_limit_that_somebody_set_is_beside_theirs() -> None:
    settings = parse(TEAL_START_LIMIT_S="1210")
    assert (settings.start_limit_s, settings.worker_timeout_s) == (1210, 0)
    assert parse(TEAL_START_LIMIT_S="1210", WORKER_TIMEOUT="60").worker_timeout_s == 60


def test_a_scoring_timeout_of_0_is_none_that_anybody_meets() -> None:
    assert parse(SCORING_TIMEOUT_MS="0").scoring_timeout_ms > 24 * 24 * 3_600_000


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
        {"WORKER_TIMEOUT": "soon"},
        {"AZUREML_DEBUG_PORT": "x"},
        {"TEAL_CAPTURE_TO": "/records", "TEAL_CAPTURE_SAMPLE_RATE": "2"},
    ],
)
def test_a_variable_that_makes_no_sense_is_named(environ: dict[str, str]) -> None:
    with pytest.raises(BadSettings, match=list(environ)[-1]):
        parse(**environ)


def test_by_hand_a_script_or_a_config_file_must_be_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(BadArguments, match="--entry_script"):
        parse_settings([], {}, tmp_path)
    (tmp_path / "main.py").touch()
    assert parse_settings([], {}, tmp_path).entry_script is None


def test_a_second_port_for_probes_must_be_asked_for() -> None:
    assert parse("--health_port", "5009").health_port is None
    assert parse("--health_port", "5009", SEPERATE_HEALTH_ENDPOINT="true").health_port == 5009
    assert parse(SEPERATE_HEALTH_ENDPOINT="true").health_port == 5000


def test_the_environment_wins_over_the_config_file(tmp_path: pathlib.Path) -> None:
    (tmp_path / "config.json").write_text(
        '{"SCORING_TIMEOUT_MS": 7, "SERVICE_NAME": "filed", "AZUREML_ENTRY_SCRIPT": "filed.py", "subscription_id": "x"}'
    )
    settings = parse_settings([], {"AML_APP_ROOT": str(tmp_path), "SERVICE_NAME": "set"}, pathlib.Path("/app"))
    assert (settings.scoring_timeout_ms, settings.service_name, settings.entry_script) == (7, "set", "filed.py")


@pytest.mark.parametrize("content", ["{", "[1]"])
def test_a_config_file_that_is_no_json_object_is_refused(tmp_path: pathlib.Path, content: str) -> None:
    (tmp_path / "named.json").write_text(content)
    with pytest.raises(BadSettings, match="Invalid config file"):
        parse("--config_file", str(tmp_path / "named.json"))


def test_capture_is_off_unless_it_is_told_where_to() -> None:
    assert parse(TEAL_CAPTURE_SAMPLE_RATE="0.5").capture is None
    capture = parse(TEAL_CAPTURE_TO="unix:/run/c", TEAL_CAPTURE_SAMPLE_RATE="0.5").capture
    assert capture is not None
    assert (capture.target, capture.sample_rate) == ("unix:/run/c", 0.5)


def test_a_wrong_argument_is_told_apart_from_a_wrong_variable() -> None:
    with pytest.raises(BadArguments, match="--port"):
        parse("--port", "five")
    with pytest.raises(BadSettings, match="--host"):
        parse("--host", "example.org")
