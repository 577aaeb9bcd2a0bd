"""What a user installs: the wheel, in a clean environment, with everything in it that the code asks for."""

import subprocess
import sys
import zipfile

import pytest
from tests.docs.clean import checkout

IMPORT_EVERYTHING = """
import importlib, importlib.metadata, pkgutil, tieline
skipped = ("tieline.adapters.testing.contract", "tieline.sync.testing", "tieline.core.store.migrations")
for found in pkgutil.walk_packages(tieline.__path__, "tieline."):
    if not found.name.startswith(skipped):
        importlib.import_module(found.name)
from tieline import mappings
for name in mappings.shipped():
    mappings.load(name)
points = importlib.metadata.entry_points(group="tieline")
print(len([point.load() for point in points]))
from tieline.core.store.store import Store
store = Store.open("sqlite:///installed.db"); store.migrate(); store.ping()
"""


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_wheel_works_in_a_clean_environment(tmp_path):
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(tmp_path)]
    # A build writes its metadata beside the code, where whoever looks at that moment finds it half written.
    checkout(tmp_path / "checkout")
    subprocess.run([*build, str(tmp_path / "checkout")], check=True, cwd=tmp_path)
    (wheel,) = tmp_path.glob("tieline-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "tieline/py.typed" in names
    assert not [name for name in names if not name.startswith("tieline")]

    # The dependencies are the ones this environment was locked to; only Tieline itself is installed afresh.
    environment = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    (site,) = environment.glob("lib/python*/site-packages")
    here = next(path for path in sys.path if path.endswith("site-packages"))
    (site / "locked.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    zipfile.ZipFile(wheel).extractall(site)
    done = subprocess.run(
        [str(environment / "bin" / "python"), "-c", IMPORT_EVERYTHING],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 10
    which = subprocess.run(
        [str(environment / "bin" / "python"), "-c", "import tieline.core; print(tieline.core.__file__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(environment) in which.stdout
