"""Certificates made when the tests run: an authority, a server's for localhost, a client's."""

from __future__ import annotations

import datetime
import functools
import ipaddress
import ssl
import tempfile
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Issued(NamedTuple):
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def load_into(self, context: ssl.SSLContext) -> None:
        """Make this the certificate that `context` shows."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(self.key_pem + self.pem)
            file.flush()
            context.load_cert_chain(file.name)


def issue(common_name: str, *names: x509.GeneralName, issuer: Issued | None = None) -> Issued:
    """A certificate for `names`, signed by `issuer`, or an authority's own."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    issuer_key = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if issuer is None:
        usage = {name: name in ("key_cert_sign", "crl_sign", "digital_signature") for name in KEY_USAGES}
        builder = builder.add_extension(x509.KeyUsage(**usage), critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return Issued(builder.sign(issuer_key, hashes.SHA256()), key)


KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@functools.cache
def authority() -> Issued:
    return issue("jloop test authority")


def trust_authority(context: ssl.SSLContext) -> None:
    context.load_verify_locations(cadata=authority().pem.decode())


def localhost() -> Issued:
    """A server's certificate for localhost and 127.0.0.1."""
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    return issue("localhost", x509.DNSName("localhost"), address, issuer=authority())


@functools.cache
def server_context(version: ssl.TLSVersion | None = None, ask_client: bool = False) -> ssl.SSLContext:
    """A server's context for localhost; with `ask_client` clients must show a certificate."""
    context = new_server_context()
    if ask_client:
        trust_authority(context)
        context.verify_mode = ssl.CERT_REQUIRED
    pin(context, version)
    return context


@functools.cache
def client_context(version: ssl.TLSVersion | None = None, with_certificate: bool = False) -> ssl.SSLContext:
    """A client's context that trusts the authority."""
    context = new_client_context()
    if with_certificate:
        issue("client", x509.RFC822Name("client@example.org"), issuer=authority()).load_into(context)
    pin(context, version)
    return context


def new_server_context() -> ssl.SSLContext:
    """A context that no other test uses, to be changed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    localhost().load_into(context)
    return context


def new_client_context() -> ssl.SSLContext:
    """A context that no other test uses, to be changed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trust_authority(context)
    return context


def pin(context: ssl.SSLContext, version: ssl.TLSVersion | None) -> None:
    if version is not None:
        context.minimum_version = context.maximum_version = version
