"""The gateway as the rest of Teal sees it: publish what an endpoint should do, learn when it is in force.

Constructed by `teal.server`; used by the reconcile loop, from the event loop's thread only. The order inside one
publication (nothing is routed to before it is there, nothing is taken away while it is routed to) is `delivery.py`'s.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress

import httpx

from teal.gateway.access_log import MAX_BYTES, rotate, run_rotation
from teal.gateway.admin import Admin
from teal.gateway.envoy_process import EnvoyProcess
from teal.gateway.envoy_settings import EnvoySettings
from teal.gateway.errors import CertificateUnusable, GatewayRefused
from teal.gateway.local_connections import count_connections
from teal.gateway.model import EndpointModel, validate
from teal.gateway.publications import InForce, Publications
from teal.gateway.resources import EndpointResources, Kind, build_resources
from teal.gateway.tls import TlsSecret
from teal.gateway.totals import CarriedTotals
from teal.gateway.traffic import (
    TrafficObserved,
    add_observed,
    observe_hosts,
    observe_requests,
    observe_totals,
)
from teal.gateway.xds_server import XdsServer


class Gateway:
    """One Envoy and the stream that configures it; beside it, for a while, those that it replaces.

    Publish every endpoint there is, before or after `start`, then call `set_complete`: until then nothing is taken away
    from an Envoy that was adopted, and one that is starting does not listen yet.
    """

    changed: Callable[[str | None], None]
    """Called with the name of an endpoint for which something is acknowledged or rejected, and with None when any
    endpoint may be concerned: a gateway has come or gone."""

    def __init__(self, settings: EnvoySettings, changed: Callable[[str | None], None] = lambda _: None) -> None:
        self.changed = changed
        self._news = asyncio.Event()
        self._envoy = EnvoyProcess(settings, lambda: self._notify(None), self._carry_totals)
        self._publications = Publications(self._notify, self._envoy.judge, self._envoy.are_all)
        self._xds_server = XdsServer(settings.xds_socket, self._publications)
        self._carried = CarriedTotals(settings.totals_file)
        self._admin = Admin(settings.admin_socket)
        self._settings = settings
        self._tls_secret = TlsSecret(settings.tls, settings.tls_secret_file) if settings.tls else None
        self._keepers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Adopt or start Envoy, and open the stream to it. Raises a `GatewayError` that says what to do."""
        self._settings.prepare_folders()
        self._envoy.find()
        if self._tls_secret is not None:
            _prepare_certificate(self._tls_secret)
        await self._xds_server.start()
        try:
            await self._envoy.start()
        except BaseException:
            await self._xds_server.stop()
            raise
        self._keepers = [asyncio.create_task(work, name=name) for name, work in self._build_keepers().items()]

    async def stop(self, *, keep_envoy: bool = False) -> None:
        """Drain and end Envoy; or let it serve on with what it has, for the next control plane to adopt."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await self._envoy.stop(keep_running=keep_envoy)
        await self._xds_server.stop()

    def publish(self, endpoint: EndpointModel) -> str:
        """Want exactly this of one endpoint. Returns its version, in force or not; a model seen before changes nothing.

        Raises `GatewayRefused` when the model breaks a rule; what was published before then stays.
        """
        reasons = validate(endpoint)
        if reasons:
            raise GatewayRefused(endpoint.name, reasons)
        version = endpoint.version
        self._carried.keep(endpoint.name, {target.deployment for target in endpoint.targets})
        if version != self._publications.wanted_version(endpoint.name):
            self._publications.publish(self._build(endpoint))
        return version

    def withdraw(self, endpoint_name: str) -> None:
        """Want the endpoint gone; it is when `in_force` has no version and nothing pending."""
        self._carried.keep(endpoint_name, frozenset())
        self._publications.publish(EndpointResources(endpoint_name, version=None))

    def hold(self, endpoint_names: Iterable[str]) -> None:
        """Keep what an adopted Envoy has of these endpoints until they are published or withdrawn, however long it
        takes."""
        self._publications.hold(endpoint_names)

    def set_complete(self) -> None:
        """Every endpoint that is wanted has been published or is held: Envoy may drop all others, and may listen."""
        self._publications.set_complete()

    def in_force(self, endpoint_name: str) -> InForce:
        """What every live gateway has acknowledged for this endpoint, and what one of them said against it."""
        return self._publications.in_force(endpoint_name)

    async def wait_in_force(self, endpoint_name: str, version: str | None, within_s: float) -> InForce:
        """Until this version (None: withdrawn) is in force or rejected; `TimeoutError` when neither came in time."""
        async with asyncio.timeout(within_s):
            while True:
                news = self._news
                seen = self.in_force(endpoint_name)
                if seen.rejected is not None or (seen.version == version and not seen.pending):
                    return seen
                await news.wait()

    async def is_listening(self) -> bool:
        """Whether clients are served: Envoy has its first complete configuration."""
        return await self._admin.is_ready()

    @property
    def problem(self) -> str | None:
        """What is wrong with Envoy now, in a sentence."""
        return self._envoy.problem

    @property
    def envoy_pid(self) -> int | None:
        return self._envoy.pid

    @property
    def envoy_pids(self) -> list[int]:
        """Also of those that are being replaced; the newest first."""
        return self._envoy.pids

    async def observe_in_flight(self, endpoint_name: str) -> dict[str, int]:
        """Requests in the hands of each instance of one endpoint, by instance id. Raises `httpx.HTTPError` while there
        is no Envoy to ask."""
        seen = await asyncio.gather(*(observe_hosts(admin, endpoint_name) for admin in self._find_admins()))
        requests: Counter[str] = Counter()
        connections: Counter[str] = Counter()
        ports = {id: host.port for hosts in seen for id, host in hosts.items()}
        for hosts in seen:
            requests.update({id: host.requests for id, host in hosts.items()})
            connections.update({id: host.connections for id, host in hosts.items()})
        # A connection that Envoy no longer counts is one whose request is not finished, else it would be closed.
        opened = count_connections(frozenset(ports.values()))
        return {id: requests[id] + max(0, opened[port] - connections[id]) for id, port in ports.items()}

    async def observe_requests(self, endpoint_name: str) -> dict[str, TrafficObserved]:
        """The totals of one endpoint by deployment. Raises `httpx.HTTPError` while there is no Envoy to ask."""
        carried = self._carried.of(endpoint_name)
        counted = await asyncio.gather(*(observe_requests(admin, endpoint_name) for admin in self._find_admins()))
        seen = add_observed((carried, *counted))
        # Envoy does not count what nobody has asked for yet.
        return {name: seen.get(name, TrafficObserved()) for name in {*self._list_deployments(endpoint_name), *seen}}

    async def rotate_access_log(self, *, max_bytes: int = MAX_BYTES) -> bool:
        """Set the access log aside if it is that large; done by itself now and then."""
        return self._settings.access_log is not None and await rotate(
            self._settings.access_log, self._find_admins(), max_bytes=max_bytes
        )

    # --- private

    def _find_admins(self) -> list[Admin]:
        """There may be none for a moment: then the question fails as it would if there were."""
        return self._envoy.admins or [self._admin]

    async def _carry_totals(self, leaving: Admin) -> None:
        """What one that is replaced has counted is not forgotten with it."""
        with suppress(httpx.HTTPError):
            self._carried.add(await observe_totals(leaving))

    def _build(self, endpoint: EndpointModel) -> EndpointResources:
        """Values that no message of Envoy's can hold are refused like those that break a rule."""
        try:
            return build_resources(
                endpoint,
                host_domain=self._settings.host_domain,
                max_mirrored_body_bytes=self._settings.max_mirrored_body_bytes,
            )
        except (ValueError, TypeError) as error:
            raise GatewayRefused(endpoint.name, (str(error),)) from error

    def _list_deployments(self, endpoint_name: str) -> set[str]:
        target = self._publications.target(endpoint_name)
        return {name.split("/")[1] for name in target.of(Kind.CLUSTERS)} if target is not None else set()

    def _build_keepers(self) -> dict[str, Coroutine[None, None, None]]:
        keepers: dict[str, Coroutine[None, None, None]] = {}
        if self._settings.access_log is not None:
            keepers["gateway-access-log"] = run_rotation(self._settings.access_log, self._find_admins)
        if self._tls_secret is not None:
            keepers["gateway-certificate"] = self._tls_secret.run()
        return keepers

    def _notify(self, endpoint_name: str | None) -> None:
        self._news.set()
        self._news = asyncio.Event()
        self.changed(endpoint_name)


def _prepare_certificate(secret: TlsSecret) -> None:
    try:
        secret.update()
    except CertificateUnusable as error:
        raise CertificateUnusable(f"the gateway's certificate and key cannot be used: {error}") from None
