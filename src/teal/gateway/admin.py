"""Questions to Envoy's admin interface, over its unix socket; asked by `envoy_process.py` and `traffic.py`."""

from pathlib import Path
from typing import Any

import httpx


class Admin:
    """The admin interface of one Envoy. Every call raises `httpx.HTTPError` when it does not answer."""

    def __init__(self, socket_path: Path) -> None:
        self._socket_path = socket_path

    async def get_json(self, path: str, **params: str) -> Any:
        return (await self._request("GET", path, params)).json()

    async def get_text(self, path: str, **params: str) -> str:
        return (await self._request("GET", path, params)).text

    async def sum_gauges(self, pattern: str) -> int:
        """Of all gauges whose name matches: how much of something there is now."""
        stats = await self.get_json("/stats", format="json", type="Gauges", filter=pattern)
        return sum(int(stat.get("value", 0)) for stat in stats["stats"])

    async def post(self, path: str, **params: str) -> None:
        await self._request("POST", path, params)

    async def is_ready(self) -> bool:
        """Whether it listens for clients: it has its first complete configuration."""
        try:
            return (await self._request("GET", "/ready", {}, check=False)).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    async def is_up(self) -> bool:
        """Whether it answers at all; it does as soon as it holds its ports and runs."""
        try:
            await self._request("GET", "/ready", {}, check=False)
        except httpx.HTTPError:
            return False
        return True

    # --- private

    async def _request(self, method: str, path: str, params: dict[str, str], *, check: bool = True) -> httpx.Response:
        # A connection per question: Envoy may have been started anew in between. No TLS, so none is prepared for.
        transport = httpx.AsyncHTTPTransport(uds=str(self._socket_path), verify=False)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://envoy", timeout=_TIMEOUT_S, trust_env=False
        ) as client:
            response = await client.request(method, path, params=params)
        return response.raise_for_status() if check else response


_TIMEOUT_S = 5.0
