from typing import Any

import pytest

from teal_scoring.cors import Cors
from teal_scoring.failures import BadSettings


def allowed(origins: list[str], origin: str | None) -> str | None:
    headers: Any = {} if origin is None else {"origin": origin}
    return dict(Cors(origins).build_headers(headers, is_preflight=False)).get("access-control-allow-origin")


@pytest.mark.parametrize(
    ("origins", "origin", "expected"),
    [
        (["http://a.test"], "http://a.test", "http://a.test"),
        (["http://a.test"], "HTTP://A.test", "HTTP://A.test"),
        (["http://a.test"], "http://b.test", None),
        (["http://b.test", "http://a.test"], None, "http://a.test"),
        (["*"], "http://any.test", "http://any.test"),
        (["*"], None, "*"),
        (["http://.*[.]test"], "http://x.test", "http://x.test"),
        (["http://.*[.]test"], None, None),
    ],
)
def test_an_origin_is_allowed_by_name_or_by_pattern(
    origins: list[str], origin: str | None, expected: str | None
) -> None:
    assert allowed(origins, origin) == expected


def test_an_expression_that_is_none_is_refused_at_the_start() -> None:
    with pytest.raises(BadSettings, match="AML_CORS_ORIGINS"):
        Cors(["http://(a.test"])
