"""What Envoy is told, as files: a change in it shows up as a diff. `--update-golden` rewrites them."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf.json_format import MessageToJson

from teal.domain.endpoint_settings import KeySource, Limits, TrafficKey
from teal.gateway.bootstrap import build_bootstrap
from teal.gateway.listener import Door
from teal.gateway.model import EndpointModel, Host, Target, validate
from teal.gateway.resources import Kind, build_resources

GOLDEN = Path(__file__).parents[2] / "golden" / "gateway"


@pytest.mark.parametrize("case", sorted(path.stem for path in (GOLDEN / "in").glob("*.yaml")))
def test_resources_of_an_endpoint(case: str, update_golden: bool) -> None:
    text = yaml.safe_load((GOLDEN / "in" / f"{case}.yaml").read_text())
    model = parse_model(text)
    assert validate(model) == ()
    resources = build_resources(model, host_domain=text.get("host_domain"))
    said = {
        kind.name.lower(): {name: to_dict(resource.body) for name, resource in resources.of(kind).items()}
        for kind in Kind
    }
    compare(GOLDEN / "out" / f"{case}.yaml", said, update_golden)


def test_bootstrap(update_golden: bool) -> None:
    door = Door(
        host="127.0.0.1",
        port=8080,
        tls_secret_file=Path("run/tls.json"),
        host_domain="example.com",
        access_log=Path("logs/access.log"),
    )
    bootstrap = build_bootstrap(
        node_id="gateway", door=door, xds_socket=Path("run/xds.sock"), admin_socket=Path("run/admin")
    )
    compare(GOLDEN / "out" / "bootstrap.yaml", to_dict(bootstrap), update_golden)


def parse_model(text: dict[str, Any]) -> EndpointModel:
    targets = tuple(
        Target(**{**target, "hosts": tuple(Host(**host) for host in target["hosts"])}) for target in text["targets"]
    )
    key = text.get("traffic_key")
    return EndpointModel(
        text["name"],
        tuple(text["keys"]),
        targets,
        text["traffic"],
        text.get("mirror", {}),
        traffic_key=TrafficKey(KeySource(key["source"]), key["name"]) if key else None,
        limits=Limits(**text.get("limits", {})),
        idempotent=text.get("idempotent", False),
    )


def to_dict(message: Any) -> dict[str, Any]:
    # By way of JSON: what stands inside an Any comes as an ordered dict, which YAML would write differently.
    return json.loads(MessageToJson(message, preserving_proto_field_name=True))  # type: ignore[no-any-return]


def compare(path: Path, said: dict[str, Any], update: bool) -> None:
    text = yaml.safe_dump(said, sort_keys=True, width=120)
    if update:
        path.write_text(text)
    assert text == path.read_text(), f"{path.name} has changed; --update-golden rewrites it"
