"""What a user gets from the wheel, and a developer from an editable installation."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOVIES = {"tissue.ome.tif", "yeast.ome.tif", "waves.ome.tif"}
SAMPLES = MOVIES | {"tissue.morphocast", "yeast.morphocast"}
LOOK = """
import json, sys
from importlib.resources import files
from npe2 import PluginManifest
import napari_morphocast
manifest = PluginManifest.from_distribution("napari-morphocast")
home = files("napari_morphocast")
print(json.dumps({
    "home": str(home),
    "samples": [path.name for path in (home / "sample_data").iterdir()],
    "plugin": manifest.name,
    "widgets": len(manifest.contributions.widgets or ()),
}))
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


@dataclass(frozen=True)
class Environment:
    """A virtual environment that knows nothing of the one that runs the tests."""

    folder: Path

    def run(self, command: str, *arguments: str | Path) -> str:
        """Run one of its commands outside the checkout; what it printed."""
        hidden = ("PYTHON", "VIRTUAL_ENV", "COVERAGE")
        clean = {k: v for k, v in os.environ.items() if not k.startswith(hidden)}
        done = subprocess.run(
            [self.folder / ("Scripts" if os.name == "nt" else "bin") / command]
            + [str(argument) for argument in arguments],
            cwd=self.folder,
            env=clean | {"PYTHONNOUSERSITE": "1", "PYTHONUTF8": "1"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def install(self, *arguments: str | Path) -> None:
        """Install packages with all they need, as pip does."""
        self.run("python", "-m", "pip", "install", "--quiet", *arguments)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("clean") / "venv"
    venv.create(folder, with_pip=True)
    made = Environment(folder)
    # The build of torch that is here: another one could mean gigabytes of CUDA.
    made.install(f"torch=={version('torch').split('+')[0]}")
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    subprocess.run(
        [*build, "--outdir", folder, ROOT], check=True, stdout=subprocess.DEVNULL
    )
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clone")
    for name in ("pyproject.toml", "README.md", "LICENSE", "napari.yaml"):
        shutil.copy(ROOT / name, folder / name, follow_symlinks=False)
    target = os.readlink(ROOT / "sample_data")
    (folder / "sample_data").symlink_to(target, target_is_directory=True)
    shutil.copytree(ROOT / "src", folder / "src")
    return folder


@pytest.fixture(scope="module", params=["wheel", "editable"])
def installed(
    request: pytest.FixtureRequest, environment: Environment, wheel: Path, clone: Path
) -> tuple[Environment, Path]:
    """The environment with the package in it, and where the package must lie."""
    uninstall = ("-m", "pip", "uninstall", "--quiet", "--yes", "napari-morphocast")
    environment.run("python", *uninstall)
    if request.param == "wheel":
        environment.install(wheel)
        return environment, environment.folder
    environment.install("--editable", clone)
    return environment, clone / "src"


@pytest.fixture
def seen(installed: tuple[Environment, Path]) -> dict[str, object]:
    """What a program in that environment sees of the package."""
    environment, _ = installed
    found: dict[str, object] = json.loads(environment.run("python", "-c", LOOK))
    return found


def test_the_package_comes_from_where_it_was_installed(installed, seen):
    _, home = installed
    assert Path(seen["home"]).resolve().is_relative_to(home.resolve())


def test_napari_finds_the_manifest_with_its_docks(seen):
    assert seen["plugin"] == "napari-morphocast"
    assert seen["widgets"] > 0


def test_sample_movies_and_the_trained_model_are_there(seen):
    assert set(seen["samples"]) >= SAMPLES


def test_the_command_says_what_it_can_do(installed):
    environment, _ = installed
    assert "rollout" in environment.run("morphocast", "--help")


def test_the_command_reads_a_sample_movie(installed, seen):
    environment, _ = installed
    movie = Path(seen["home"]) / "sample_data" / "tissue.ome.tif"
    told = json.loads(environment.run("morphocast", "info", movie, "--json"))
    assert told["shape"][0] > 10


def test_the_links_at_the_top_of_a_clone_lead_into_the_package(clone):
    assert (clone / "napari.yaml").samefile(
        clone / "src" / "napari_morphocast" / "napari.yaml"
    )
    assert (clone / "sample_data" / "tissue.ome.tif").is_file()
