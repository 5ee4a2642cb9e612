"""Settings: arguments before variables before defaults, and every one of them in the documentation."""

import dataclasses
from pathlib import Path

import pytest

from teal.domain.endpoint_settings import Limits
from teal.domain.quotas import Quota
from teal.server.assemble import build_quota
from teal.server.errors import SettingRefused
from teal.server.settings import CHOICES, Settings, count_gateway_threads, load_settings, variable_of

DOCUMENT = Path(__file__).parents[3] / "docs" / "settings.md"


def test_defaults_are_those_of_one_person_on_one_machine() -> None:
    settings = load_settings({})
    assert settings.data_dir == Path("~/.teal").expanduser()
    assert (settings.host, settings.port, settings.gateway_port) == ("127.0.0.1", None, None)
    assert (settings.workspaces, settings.python_mode) == ("auto", "nearest")


@pytest.mark.parametrize(("processors", "threads"), [(1, 1), (2, 1), (3, 1), (8, 4)])
def test_the_gateway_has_half_of_the_processors(processors: int, threads: int) -> None:
    assert count_gateway_threads(processors) == threads


def test_an_argument_wins_over_a_variable() -> None:
    environ = {"TEAL_PORT": "1", "TEAL_GATEWAY_PORT": "2", "TEAL_HOST": "0.0.0.0"}
    settings = load_settings(environ, port=0, gateway_port=None)
    assert (settings.port, settings.gateway_port, settings.host) == (0, 2, "0.0.0.0")


def test_a_relative_data_directory_is_made_absolute() -> None:
    assert load_settings({"TEAL_DATA_DIR": "here"}).data_dir == Path.cwd() / "here"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "65536"), ("port", "-1"), ("gateway_port", "x"), ("workspaces", "some"), ("python_mode", ""),
        ("gateway_threads", "0"), ("drain_s", "soon"), ("drain_s", "nan"), ("log_level", "loud"),
    ],
)  # fmt: skip
def test_a_value_that_means_nothing_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingRefused, match=variable_of(name)):
        load_settings({}, **{name: value})


def test_every_setting_is_documented_with_its_default() -> None:
    text = DOCUMENT.read_text()
    for field in dataclasses.fields(Settings):
        line = next((line for line in text.splitlines() if f"`{variable_of(field.name)}`" in line), None)
        assert line is not None, field.name
        if field.default not in (None, dataclasses.MISSING):
            assert f"`{field.default:g}`" if isinstance(field.default, float) else f"`{field.default}`" in line, line
        for choice in CHOICES.get(field.name, ()):
            assert f"`{choice}`" in line, line


def test_a_certificate_needs_its_key() -> None:
    with pytest.raises(SettingRefused, match="TEAL_GATEWAY_KEY"):
        load_settings({"TEAL_GATEWAY_CERTIFICATE": "server.pem"})


def test_single_limits_stand_over_the_profile_of_quotas() -> None:
    assert build_quota(load_settings({})) == Quota()
    single = {"TEAL_MAX_REQUESTS_PER_SECOND": "7", "TEAL_MAX_ENDPOINTS": "8", "TEAL_MAX_INSTANCES_PER_DEPLOYMENT": "9"}
    assert build_quota(load_settings({"TEAL_QUOTAS": "azure", **single})) == Quota(
        endpoints=8,
        deployments=500,
        limits=Limits(requests_per_s=7, requests_in_hand=500, bandwidth_kib_per_s=4882, deployments=20, instances=9),
    )


@pytest.mark.parametrize("text", ["models example", "*.example.com", ".com", "a..b"])
def test_a_domain_is_a_domain(text: str) -> None:
    with pytest.raises(SettingRefused, match="TEAL_GATEWAY_DOMAIN"):
        load_settings({"TEAL_GATEWAY_DOMAIN": text})
