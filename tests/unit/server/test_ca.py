"""The server's certificate authority: made once, renewed in time, trusted by itself alone."""

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from teal.sdk.exports import AZURE_HOSTS
from teal.server.ca import CERTIFICATE_DAYS, CertificateFiles, ensure_certificate

NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def files(tmp_path: Path) -> CertificateFiles:
    return CertificateFiles(*(tmp_path / name for name in ("ca.pem", "ca.key", "server.pem", "server.key")))


def read_all(files: CertificateFiles) -> list[bytes]:
    return [path.read_bytes() for path in (files.ca, files.ca_key, files.certificate, files.key)]


def test_a_certificate_is_made_once(files: CertificateFiles) -> None:
    assert ensure_certificate(files, [], NOW)
    made = read_all(files)
    assert not ensure_certificate(files, [], NOW + timedelta(days=1))
    assert read_all(files) == made


def test_keys_are_for_nobody_else(files: CertificateFiles) -> None:
    ensure_certificate(files, [], NOW)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (files.key, files.ca_key)} == {0o600}


def test_the_certificate_names_every_way_to_write_this_machine(files: CertificateFiles) -> None:
    ensure_certificate(files, ["10.1.2.3", "models.example"], NOW)
    names = x509.load_pem_x509_certificate(files.certificate.read_bytes()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert sorted(map(str, names.value.get_values_for_type(x509.IPAddress))) == ["10.1.2.3", "127.0.0.1"]
    assert sorted(names.value.get_values_for_type(x509.DNSName)) == [
        "localhost",
        *AZURE_HOSTS,
        "models.example",
    ]


def test_it_is_renewed_before_it_ends_under_the_same_authority(files: CertificateFiles) -> None:
    ensure_certificate(files, [], NOW)
    ca = files.ca.read_bytes()
    assert ensure_certificate(files, [], NOW + timedelta(days=CERTIFICATE_DAYS - 29))
    assert files.ca.read_bytes() == ca


def test_an_authority_that_ends_takes_its_certificate_along(files: CertificateFiles) -> None:
    ensure_certificate(files, [], NOW)
    ca = files.ca.read_bytes()
    assert ensure_certificate(files, [], NOW + timedelta(days=3640))
    assert files.ca.read_bytes() != ca


def test_another_host_needs_another_certificate(files: CertificateFiles) -> None:
    ensure_certificate(files, [], NOW)
    assert ensure_certificate(files, ["models.example"], NOW)
    assert not ensure_certificate(files, [], NOW)


@pytest.mark.parametrize("name", ["ca.pem", "ca.key", "server.pem", "server.key"])
@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_what_is_damaged_or_missing_is_made_anew(files: CertificateFiles, name: str, damage: bytes | None) -> None:
    ensure_certificate(files, [], NOW)
    path = files.ca.with_name(name)
    path.unlink()
    if damage is not None:
        path.write_bytes(damage)
    assert ensure_certificate(files, [], NOW)
    assert not ensure_certificate(files, [], NOW)


def test_strict_clients_trust_it(files: CertificateFiles) -> None:
    ensure_certificate(files, [], datetime.now(UTC))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.certificate, files.key)
    client = ssl.create_default_context(cafile=files.ca)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    handshake(server, client)


# --- private


def handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> None:
    """Both sides in memory, until neither wants to read any more."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        server.wrap_bio(to_server, to_client, server_side=True),
        client.wrap_bio(to_client, to_server, server_hostname="127.0.0.1"),
    ]
    while ends:
        for end in list(ends):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            ends.remove(end)
