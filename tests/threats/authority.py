"""A certificate authority of the tests, and what it signs. Import it after a check that `cryptography` is there."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


class Authority:
    """A certificate authority that lives as long as the tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of the tests")])
        made = self._builder(self.name, self.key, NOW - DAY, NOW + DAY)
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.bundle = folder / "ca.pem"
        self.bundle.write_bytes(made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject, key, start, end):
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
        )

    def server(self, name: str, *, host: str = "127.0.0.1", end=NOW + DAY, self_signed: bool = False) -> ssl.SSLContext:
        """A server's side of TLS, with a certificate for `host`."""
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            alternative = x509.DNSName(host)
        subject = self.name if self_signed else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        made = self._builder(subject, key, NOW - 2 * DAY, end)
        made = made.add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        signed = made.sign(key if self_signed else self.key, hashes.SHA256())
        file = self.folder / f"{name}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def client(self, name: str, passphrase: str = "") -> tuple[Path, Path]:
        """A client's certificate and its key, which `passphrase` encrypts."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tieline")])
        signed = self._builder(subject, key, NOW - DAY, NOW + DAY).sign(self.key, hashes.SHA256())
        certificate, private = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        how = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
        private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how))
        return certificate, private

    def mutual(self, name: str, *, host: str = "127.0.0.1") -> ssl.SSLContext:
        """A server's side of TLS that asks the other side for a certificate of this authority."""
        context = self.server(name, host=host)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(self.bundle)
        # In TLS 1.3 a client without a certificate believes itself connected until it reads.
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        return context
