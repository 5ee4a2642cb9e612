"""What scripts see and the server prints, as the reference server's scenarios have it."""

import pathlib

import pytest

from teal_scoring.banner import format_banner
from teal_scoring.script_environment import build_variables
from teal_scoring.settings import Settings, parse_settings

KEY = "7e8fa2bc-4bb1-4d4f-a0dd-53dfd8cd5a9e"


def parse(*argv: str, **environ: str) -> Settings:
    return parse_settings(["--entry_script", "score.py", *argv], environ, pathlib.Path("/app"))


def test_without_arguments_a_script_sees_the_defaults() -> None:
    variables = build_variables(parse(), None)
    assert variables["AZUREML_ENTRY_SCRIPT"].endswith("/score.py")
    assert (variables["AML_APP_ROOT"], variables["WORKER_COUNT"]) == ("/app", "1")
    assert (variables["SERVER_PORT"], variables["HEALTH_PORT"]) == ("5001", "5001")
    assert variables["AML_APP_INSIGHTS_ENABLED"] == "false"
    assert not {"AML_APP_INSIGHTS_KEY", "AZUREML_MODEL_DIR", "AML_CORS_ORIGINS"} & set(variables)


def test_a_script_that_the_environment_names_keeps_its_name() -> None:
    assert build_variables(parse(), "score.py")["AZUREML_ENTRY_SCRIPT"] == "score.py"


def test_arguments_show_in_the_variables() -> None:
    settings = parse("--model_dir", "./my/dir", "--health_port", "8346", SEPERATE_HEALTH_ENDPOINT="true")
    variables = build_variables(settings, None)
    assert (variables["AZUREML_MODEL_DIR"], variables["HEALTH_PORT"]) == ("./my/dir", "8346")


@pytest.mark.parametrize(
    ("argv", "environ", "is_enabled"),
    [
        (["--appinsights_instrumentation_key", KEY], {}, True),
        ([], {"AML_APP_INSIGHTS_KEY": KEY, "AML_APP_INSIGHTS_ENABLED": "true"}, True),
        ([], {"AML_APP_INSIGHTS_KEY": KEY, "AML_APP_INSIGHTS_ENABLED": "asdf"}, False),
        ([], {"AML_APP_INSIGHTS_ENABLED": "true"}, False),
        (["--appinsights_instrumentation_key", "no-key"], {"AML_APP_INSIGHTS_KEY": KEY}, False),
    ],
)
def test_application_insights_is_on_with_a_key_that_could_be_one(
    argv: list[str], environ: dict[str, str], is_enabled: bool
) -> None:
    settings = parse(*argv, **environ)
    word = "true" if is_enabled else "false"
    assert build_variables(settings, None)["AML_APP_INSIGHTS_ENABLED"] == word
    assert f"Application Insights Enabled: {word}" in format_banner(settings)
    assert KEY not in format_banner(settings)


@pytest.mark.parametrize(
    ("argv", "environ", "line"),
    [
        ([], {}, "The environment variable 'AZUREML_MODEL_DIR' has not been set."),
        ([], {"SERVER_PORT": "3535"}, "Server Port: 5001"),
        ([], {}, "Health Port: 5001"),
        ([], {"SEPERATE_HEALTH_ENDPOINT": "true"}, "Health Port: 5000"),
        ([], {"WORKER_COUNT": "2"}, "Worker Count: 2"),
        ([], {"WORKER_TIMEOUT": "20"}, "Worker Timeout (seconds): 20"),
        (
            ["--access_control_allow_origins", "www.a.test, www.b.test"],
            {},
            "CORS for the specified origins: Enabling CORS for www.a.test, www.b.test",
        ),
        (["--appinsights_instrumentation_key", KEY], {}, "Application Insights Key: AppInsights key provided"),
        (["--appinsights_instrumentation_key", KEY], {}, "Valid Application Insights instrumentation key provided."),
        (
            ["--appinsights_instrumentation_key", "no-key"],
            {},
            "Invalid Application Insights instrumentation key provided.",
        ),
        (["--appinsights_instrumentation_key", "no-key"], {}, "Application Insights has been disabled."),
    ],
)
def test_the_settings_are_printed_in_the_reference_servers_words(
    argv: list[str], environ: dict[str, str], line: str
) -> None:
    assert line in format_banner(parse(*argv, **environ)).splitlines()
