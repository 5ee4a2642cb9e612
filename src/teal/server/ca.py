"""The server's own certificate authority and certificate, made on the first start and renewed in time. Called by
server/run.py.

Clients trust `ca.pem` alone; the certificate names every host they may write (`spec/wire.md` §1.2).
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from teal.domain.resource_ids import AZURE_HOSTS
from teal.server.private_files import write_private

CA_DAYS = 3650
CERTIFICATE_DAYS = 397
RENEW_BEFORE = timedelta(days=30)
BACKDATED = timedelta(hours=1)
"""Clocks differ: a certificate made just now must be valid on a machine that is a little behind."""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where they lie. `ca` is for everybody who wants to talk to this server, the keys are for nobody else."""

    ca: Path
    ca_key: Path
    certificate: Path
    key: Path


def ensure_certificate(files: CertificateFiles, hosts: Iterable[str], now: datetime) -> bool:
    """Make what is missing, ends soon or does not name all `hosts`; True when the certificate is another one now."""
    names = {"127.0.0.1", "localhost", *AZURE_HOSTS, *hosts}
    ca = _load_pair(files.ca, files.ca_key)
    if ca is None or _ends_soon(ca.certificate, now):
        ca = _make_ca(now)
        _save_pair(ca, files.ca, files.ca_key)
    current = _load_pair(files.certificate, files.key)
    if current and not _ends_soon(current.certificate, now) and _fits(current.certificate, ca.certificate, names):
        return False
    _save_pair(_make_certificate(ca, sorted(names), now), files.certificate, files.key)
    return True


# --- private


@dataclass(frozen=True, slots=True)
class _Pair:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def _load_pair(certificate: Path, key: Path) -> _Pair | None:
    """None when either is missing, damaged, or not of the other."""
    try:
        loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.public_key() != loaded.public_key():
        return None
    return _Pair(loaded, private)


def _save_pair(pair: _Pair, certificate: Path, key: Path) -> None:
    # The key first: a certificate without its key would look complete.
    write_private(
        key,
        pair.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
    write_private(certificate, pair.certificate.public_bytes(serialization.Encoding.PEM))


def _ends_soon(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_after_utc - now < RENEW_BEFORE


def _fits(certificate: x509.Certificate, ca: x509.Certificate, names: set[str]) -> bool:
    try:
        certificate.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature):
        return False
    stated = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    named = {str(address) for address in stated.get_values_for_type(x509.IPAddress)}
    return names <= named | set(stated.get_values_for_type(x509.DNSName))


def _make_ca(now: datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Teal {now:%Y-%m-%d %H:%M:%S}")])
    builder = _build(name, name, key.public_key(), now, CA_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return _Pair(builder.sign(key, hashes.SHA256()), key)


def _make_certificate(ca: _Pair, names: list[str], now: datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Teal server")])
    builder = _build(subject, ca.certificate.subject, key.public_key(), now, CERTIFICATE_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(digital_signature=True), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName([_format_name(n) for n in names]), critical=False)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key())
    builder = builder.add_extension(authority, critical=False)
    return _Pair(builder.sign(ca.key, hashes.SHA256()), key)


def _build(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now.astimezone(UTC) - BACKDATED)
        .not_valid_after(now.astimezone(UTC) + timedelta(days=days))
    )


def _key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _format_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
