"""The one place that constructs anything: settings and a data directory in, the parts of a server out. Called by
server/run.py and, for what a killed server left behind, by server/commands.py."""

import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from fastapi import FastAPI

from teal.api.app import build_app
from teal.api.calls import Services
from teal.compute.environments import Environments
from teal.compute.process.backend import ProcessBackend
from teal.domain.endpoint_settings import LIMITS, Limits, Quotas
from teal.domain.quotas import QUOTAS, Quota
from teal.gateway.envoy_settings import EnvoySettings
from teal.gateway.gateway import Gateway
from teal.gateway.tls import TlsSettings
from teal.reconcile.checks import Checks
from teal.reconcile.loop import Loop
from teal.server.catalogue import load_catalogue
from teal.server.data_dir import DataDir
from teal.server.request_counts import RequestCounts
from teal.server.settings import Settings
from teal.server.token_key import ensure_token_key
from teal.server.tracking import TrackingServers, TrackingSettings, find_tracking_python
from teal.store.blobs import BlobStore
from teal.store.database import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that is opened, run and closed; constructed, not started."""

    store: Store
    blobs: BlobStore
    backend: ProcessBackend
    gateway: Gateway
    loop: Loop
    checks: Checks
    tracking: TrackingServers | None


def assemble_parts(
    settings: Settings, data: DataDir, run_dir: Path, gateway_port: int, *, token: str, url: str
) -> Parts:
    store = Store(data.path)
    blobs = BlobStore(data.blobs)
    backend = assemble_backend(settings, data)
    gateway = Gateway(build_envoy_settings(settings, data, run_dir, gateway_port))
    curated = load_catalogue(data.environments_file)
    loop = Loop(
        store,
        backend,
        gateway,
        blobs.object_path,
        control_token=token,
        quota=build_quota(settings),
        curated=curated,
    )
    checks = Checks(store, backend, blobs.object_path, curated=curated)
    tracking = assemble_tracking(settings, data, run_dir, token=token, url=url)
    return Parts(
        store=store, blobs=blobs, backend=backend, gateway=gateway, loop=loop, checks=checks, tracking=tracking
    )


def assemble_tracking(
    settings: Settings, data: DataDir, run_dir: Path, *, token: str, url: str
) -> TrackingServers | None:
    """None where there is no MLflow to serve it."""
    python = find_tracking_python(settings.tracking_python)
    if python is None:
        return None
    return TrackingServers(
        TrackingSettings(
            python=python,
            folder=data.path / "tracking",
            run_dir=run_dir,
            log_file=data.path / "logs" / "tracking.log",
            url=url,
            token=token,
            ca=data.certificates.ca,
            idle_s=settings.tracking_idle_s,
        )
    )


def assemble_backend(settings: Settings, data: DataDir) -> ProcessBackend:
    mode = cast(Literal["nearest", "exact"], settings.python_mode)
    return ProcessBackend(
        data.path / "instances",
        Environments(
            data.path / "environments",
            python_mode=mode,
            model_constraints=data.path / "model-constraints.txt",
            model_overrides=data.path / "model-overrides.txt",
        ),
    )


def assemble_app(settings: Settings, data: DataDir, parts: Parts, *, token: str, url: str, gateway_url: str) -> FastAPI:
    return build_app(
        Services(
            store=parts.store,
            blobs=parts.blobs,
            token=token,
            url=url,
            gateway_url=gateway_url,
            create_workspaces=settings.workspaces == "auto",
            read_logs=_build_log_reader(parts.backend),
            checks=parts.checks,
            curated=load_catalogue(data.environments_file),
            quota=build_quota(settings),
            sign_token=ensure_token_key(data.token_key_file).sign,
            observe_requests=RequestCounts(parts.gateway.observe_requests),
            now=time.time,
            new_id=lambda: str(uuid.uuid4()),
            tracking=parts.tracking,
        )
    )


def build_envoy_settings(settings: Settings, data: DataDir, run_dir: Path, gateway_port: int) -> EnvoySettings:
    return EnvoySettings(
        run_dir=run_dir,
        log_file=data.envoy_log_file,
        host=settings.host,
        port=gateway_port,
        concurrency=settings.gateway_threads,
        drain_s=settings.drain_s,
        token_keys=ensure_token_key(data.token_key_file).jwks,
        tls=_build_tls(settings, data),
        host_domain=settings.gateway_domain,
        access_log=data.access_log_file if settings.access_log == "on" else None,
        max_mirrored_body_bytes=settings.max_mirrored_body_mib * 1024 * 1024,
        max_connections=settings.max_connections,
    )


def build_quota(settings: Settings) -> Quota:
    """What the server allows where nobody says otherwise: the profile, and single values over it."""
    profile = QUOTAS[Quotas(settings.quotas)]
    own = {member: getattr(settings, name) for name, member in LIMITS.items()}
    return Quota(
        endpoints=settings.max_endpoints or profile.endpoints,
        deployments=settings.max_deployments or profile.deployments,
        limits=Limits(**{member: value or getattr(profile.limits, member) for member, value in own.items()}),
    )


# --- private


def _build_tls(settings: Settings, data: DataDir) -> TlsSettings:
    if settings.gateway_certificate is not None and settings.gateway_key is not None:
        return TlsSettings(settings.gateway_certificate, settings.gateway_key)
    return TlsSettings(data.certificates.certificate, data.certificates.key)


def _build_log_reader(backend: ProcessBackend) -> Callable[[str, str, int], Awaitable[str]]:
    async def read_logs(instance_id: str, container: str, tail: int) -> str:
        return await backend.logs(instance_id, container=container, tail=tail)

    return read_logs
