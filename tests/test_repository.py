"""What holds for the repository as a whole: its links, sizes, papers and promises."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer
import yaml

import napari_morphocast
from napari_morphocast.cli import app
from napari_morphocast.data.windows import WindowSpec
from napari_morphocast.models.base import model_class
from napari_morphocast.training.config import Run

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]


@pytest.mark.parametrize("name", ["napari.yaml", "sample_data"])
def test_links_at_the_top_lead_into_the_package(name):
    target = Path(os.readlink(ROOT / name))
    assert not target.is_absolute()
    assert (ROOT / name).samefile(ROOT / "src" / "napari_morphocast" / name)


def test_no_function_is_longer_than_60_lines():
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    assert [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, functions) and node.end_lineno - node.lineno >= 60
    ] == []


def test_no_file_is_longer_than_400_lines():
    lengths = {path: len(path.read_bytes().splitlines()) for path in SOURCES}
    assert [str(path) for path, length in lengths.items() if length > 400] == []


def test_the_version_is_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    here = napari_morphocast.__version__
    assert project["project"]["version"] == citation["version"] == here
    assert f"## {here}" in changes


def test_the_citation_names_the_founding_documents_and_convlstm():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    titles = " ".join(reference["title"] for reference in citation["references"])
    assert len(citation["references"]) == 6
    assert "Convolutional LSTM Network" in titles
    assert "Forecasting Morphogenesis" in titles


def test_importing_the_package_loads_neither_torch_nor_napari():
    look = "import sys, napari_morphocast; print({'torch', 'napari'} & {*sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_python(path):
    compile(path.read_text(encoding="utf-8"), str(path), "exec")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_import_only_what_exists(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    imports = [line for line in lines if line.startswith("from napari_morphocast")]
    assert imports
    exec("\n".join(imports), {})


def test_the_founding_recipe_has_its_65_569_parameters():
    run = Run.read(ROOT / "examples" / "morphogenesis.toml")
    model = model_class(run.model)(run.settings, channels=1)
    assert sum(weight.numel() for weight in model.parameters()) == 65_569


def test_the_founding_recipe_leaves_no_setting_of_the_model_to_a_default():
    recipe = tomllib.loads((ROOT / "examples" / "morphogenesis.toml").read_text())
    config = model_class(recipe["model"]).Config
    assert {*config.model_fields, *WindowSpec.model_fields} <= set(recipe)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_commands_in_the_documents_exist(path):
    text = path.read_text(encoding="utf-8")
    known = set(typer.main.get_command(app).commands)
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"^ *(?:\$ )?morphocast (\w+)", text, re.M)) <= known
    assert set(re.findall(r"(?:^|`)make (\w+)", text, re.M)) <= targets


def test_the_reference_shows_no_module_in_place_of_the_function_it_is_named_after():
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    shown = re.findall(r"^::: napari_morphocast\.api\.(\w+)$", text, re.M)
    modules = {path.stem for path in SOURCES if path.parent.name == "api"}
    assert "predict" in shown
    assert modules.isdisjoint(shown)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_files_that_the_documents_point_to_exist(path):
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", path.read_text("utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []
