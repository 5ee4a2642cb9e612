"""nginx and HAProxy as plain proxies to one instance: no keys, no split, no mirror. Used by __main__.py; raw Envoy is
benchmarks/static_envoy.py."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.harness.waiting import wait_until_sync

WORKERS = 2
NGINX = """\
daemon off;
worker_processes {workers};
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream instance {{ server 127.0.0.1:{instance}; keepalive 256; }}
    server {{
        listen 127.0.0.1:{port};
        keepalive_requests 1000000;
        location / {{
            proxy_pass http://instance;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
}}
"""

HAPROXY = """\
global
    nbthread 2
    maxconn 8192
defaults
    mode http
    option http-keep-alive
    http-reuse always
    timeout connect 1s
    timeout client 60s
    timeout server 60s
listen instance
    bind 127.0.0.1:{port}
    server one 127.0.0.1:{instance}
"""


def has_nginx() -> bool:
    return shutil.which("nginx") is not None


def has_haproxy() -> bool:
    return shutil.which("haproxy") is not None


@contextmanager
def nginx(folder: Path, port: int, instance: int) -> Iterator[list[psutil.Process]]:
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=port, instance=instance, workers=WORKERS))
    with _running(["nginx", "-c", str(config), "-e", str(folder / "nginx-error.log")], folder / "nginx.log") as process:
        wait_until_sync(lambda: len(process.children()) >= WORKERS)
        yield [process, *process.children()]


@contextmanager
def haproxy(folder: Path, port: int, instance: int) -> Iterator[list[psutil.Process]]:
    config = folder / "haproxy.cfg"
    config.write_text(HAPROXY.format(port=port, instance=instance))
    with _running(["haproxy", "-db", "-f", str(config)], folder / "haproxy.log") as process:
        yield [process]


# --- private


@contextmanager
def _running(command: list[str], log_path: Path) -> Iterator[psutil.Process]:
    with log_path.open("wb") as log:
        # A session of its own, as Teal gives its Envoy: Linux divides the processors among sessions first.
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()
