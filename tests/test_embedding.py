"""Codes of frames, windows and cells; how they are laid out, coloured and kept."""

from __future__ import annotations

import csv
import threading

import numpy as np
import pytest
import torch

from movies import gliding
from napari_morphocast import api
from napari_morphocast.data.labels import with_labels
from napari_morphocast.errors import (
    ForecastError,
    MorphocastError,
    MovieError,
    SettingsError,
)
from napari_morphocast.evaluation import projection
from napari_morphocast.evaluation.embedded import Embedded
from napari_morphocast.evaluation.embedding_figure import draw
from napari_morphocast.evaluation.projection import project
from napari_morphocast.models.vae import VAE
from napari_morphocast.training.config import Hardware, Run

CPU = {"hardware": Hardware(device="cpu")}


def trained(folder, kind, movie, **settings):
    path = folder / f"{kind}.morphocast"
    list(api.train(movie, path, Run.make(kind, epochs=1, **settings), **CPU))
    return path


@pytest.fixture(scope="module")
def forecaster(tmp_path_factory):
    """A latent_lstm that sees 3 frames before it forecasts."""
    folder = tmp_path_factory.mktemp("latent")
    small = {"context": 3, "horizon": 1, "code": 6, "width": 4, "hidden": 4}
    return trained(folder, "latent_lstm", gliding(20), **small)


@pytest.fixture(scope="module")
def maker(tmp_path_factory):
    """A vae that makes three frames in a row of 32 x 32 pixels."""
    folder = tmp_path_factory.mktemp("vae")
    small = {"side": 32, "width": 4, "latent": 4, "frames": 3}
    return trained(folder, "vae", gliding(20, (40, 44)), **small)


def two_cells(frames=12, size=(24, 28)):
    """Cell 3 glides to the right; cell 700000 is there in the last half only."""
    labels = np.zeros((frames, *size), np.int64)
    for t in range(frames):
        labels[t, 4:7, 2 + t : 5 + t] = 3
        if t >= frames // 2:
            labels[t, 18:20, 20:22] = 700_000
    return labels


def points(count=40, size=5, cells=1, **more):
    """Random codes of so many points."""
    rng = np.random.default_rng(0)
    numbers = np.arange(count)
    return Embedded(
        rng.normal(size=(count, size)).astype(np.float32),
        numbers // cells,
        1 + numbers % cells if cells > 1 else np.zeros(count, int),
        np.full((count, 2), np.nan),
        rng.normal(100, 5, (count, 1)),
        rng.normal(10, 1, (count, 1)),
        np.full(count, np.nan),
        channels=("channel 0",),
        crop=16 if cells > 1 else 0,
        **more,
    )


# --- codes


def test_every_frame_is_a_point_with_its_grey_levels(forecaster):
    movie = gliding(12)
    found = api.embed(movie, forecaster, **CPU)
    assert found.codes.shape == (12, 6)
    assert found.frames.tolist() == list(range(12))
    np.testing.assert_allclose(found.means, movie.read(0, 12).mean((2, 3)), rtol=1e-5)
    np.testing.assert_allclose(
        found.deviations, movie.read(0, 12).std((2, 3)), rtol=1e-5
    )
    assert np.isnan(found.places).all()
    assert found.interval == 60.0


def test_codes_are_those_of_the_model_on_scaled_frames(forecaster):
    movie = gliding(12)
    model = api.load(forecaster)
    scaled = model.checkpoint.scaling.apply(movie.read(5, 6))
    with torch.inference_mode():
        wanted = model.model.codes(torch.from_numpy(scaled))
    found = api.embed(movie, forecaster, **CPU)
    np.testing.assert_allclose(found.codes[5], wanted[0], rtol=1e-4, atol=1e-5)


def test_errors_are_those_of_the_forecast_one_frame_ahead(forecaster):
    movie = gliding(12)
    found = api.embed(movie, forecaster, **CPU)
    made = api.predict(movie, forecaster, **CPU)
    frames = np.stack(list(made.frames)).astype(float)
    wanted = np.abs(frames - movie.read(3, 12)).mean((1, 2, 3))
    assert np.isnan(found.errors[:3]).all()
    np.testing.assert_allclose(found.errors[3:], wanted, rtol=1e-5)


def test_every_cell_is_a_point_where_it_is(forecaster):
    found = api.embed(gliding(12), forecaster, labels=two_cells(), crop=16, **CPU)
    assert len(found) == 12 + 6
    assert set(found.labels.tolist()) == {3, 700_000}
    first = found.labels == 3
    np.testing.assert_allclose(found.places[first][:, 1], 3.0 + np.arange(12))
    np.testing.assert_allclose(found.places[first][:, 0], 5)
    assert found.of_cells
    assert np.isfinite(found.errors[found.frames >= 3]).all()


def test_a_cell_at_the_border_is_measured_without_what_is_mirrored(forecaster):
    movie = gliding(12)
    found = api.embed(movie, forecaster, labels=two_cells(), crop=16, **CPU)
    seen = movie.read(0, 1)[0, 0, :13, :11]  # of 16 x 16 around (5, 3)
    assert found.means[0, 0] == pytest.approx(float(seen.mean()), rel=1e-5)


def test_still_labels_hold_for_all_frames(forecaster):
    found = api.embed(gliding(12), forecaster, labels=two_cells()[-1], crop=16, **CPU)
    assert len(found) == 24


def test_a_window_joins_the_codes_of_the_same_cell(forecaster):
    single = api.embed(gliding(12), forecaster, labels=two_cells(), crop=16, **CPU)
    found = api.embed(
        gliding(12), forecaster, labels=two_cells(), crop=16, window=3, **CPU
    )
    assert len(found) == 10 + 4
    assert found.codes.shape[1] == 18
    at = (found.labels == 700_000) & (found.frames == 9)
    wanted = [
        single.codes[(single.labels == 700_000) & (single.frames == frame)][0]
        for frame in (7, 8, 9)
    ]
    np.testing.assert_array_equal(found.codes[at][0], np.concatenate(wanted))


def test_what_sees_several_frames_in_a_row_is_shown_them(maker):
    movie = gliding(12, (40, 44))
    found = api.embed(movie, maker, **CPU)
    assert found.frames.tolist() == list(range(2, 12))
    still = np.repeat(movie.frames[5:6], 12, 0)
    resting = api.embed(type(movie)(still, name="still"), maker, **CPU)
    assert not np.allclose(found.codes[3], resting.codes[0])
    assert np.isnan(found.errors).all()
    assert "only the middle 32 x 32" in found.notes[0]


def test_codes_do_not_depend_on_how_many_are_made_at_once(forecaster, monkeypatch):
    from napari_morphocast.api import embedding

    whole = api.embed(gliding(12), forecaster, **CPU)
    monkeypatch.setattr(embedding, "PIXELS_AT_ONCE", 1)
    single = api.embed(gliding(12), forecaster, **CPU)
    np.testing.assert_allclose(whole.codes, single.codes, rtol=1e-4, atol=1e-5)


def test_a_segmentation_that_the_model_does_not_know_is_left_out(forecaster):
    movie = with_labels(gliding(12), two_cells())
    found = api.embed(movie, forecaster, **CPU)
    assert found.means.shape == (12, 1)


def test_stop_keeps_what_is_there(forecaster):
    stop = threading.Event()

    def tell(share):
        if share >= 0.5:
            stop.set()

    found = api.embed(gliding(12), forecaster, stop=stop, progress=tell, **CPU)
    assert found.frames.tolist() == list(range(6))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"window": 13}, "has 12 frame"),
        ({"window": 0}, "1 frame or more"),
        ({"labels": np.zeros((12, 9, 9), int)}, "12 x 9 x 9 pixels"),
        ({"labels": np.zeros((12, 24, 28))}, "whole numbers"),
        ({"labels": two_cells(), "crop": 4}, "8 pixels or more"),
    ],
)
def test_what_makes_no_sense_is_refused(forecaster, more, told):
    with pytest.raises(MorphocastError, match=told):
        api.embed(gliding(12), forecaster, **more, **CPU)


def test_crops_that_cannot_be_mirrored_to_the_models_side_are_refused(maker):
    with pytest.raises(SettingsError, match="12 pixels or more"):
        api.embed(
            gliding(12, (40, 44)),
            maker,
            labels=two_cells(size=(40, 44)),
            crop=11,
            **CPU,
        )


def test_a_model_without_codes_is_refused():
    with pytest.raises(SettingsError, match="has no codes"):
        api.embed(gliding(12), "persistence", **CPU)


def test_running_out_of_memory_is_one_sentence(maker, monkeypatch):
    def greedy(self, images):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(VAE, "codes", greedy)
    with pytest.raises(ForecastError, match="ran out on cpu; use the CPU, or crop"):
        api.embed(gliding(12, (40, 44)), maker, **CPU)


def test_a_movie_with_other_channels_is_refused(forecaster):
    with pytest.raises(MovieError, match="1 channel"):
        api.embed(gliding(12, channels=2), forecaster, **CPU)


def test_labels_without_a_cell_make_no_point(forecaster):
    none = np.zeros((12, 24, 28), int)
    found = api.embed(gliding(12), forecaster, labels=none, window=2, **CPU)
    assert len(found) == 0


# --- on a plane


@pytest.mark.parametrize("kind", ["pca", "tsne"])
def test_groups_stay_groups(kind):
    rng = np.random.default_rng(0)
    codes = np.concatenate([rng.normal(c, 0.1, (20, 8)) for c in (0, 5)])
    found = project(codes, kind).points
    assert found.shape == (40, 2)
    middles = found[:20].mean(0), found[20:].mean(0)
    apart = np.linalg.norm(middles[0] - middles[1])
    assert apart > 2 * np.linalg.norm(found[:20] - middles[0], axis=1).max()


@pytest.mark.parametrize("kind", ["pca", "tsne"])
def test_the_same_codes_lie_alike_each_time(kind):
    codes = points().codes
    np.testing.assert_array_equal(
        project(codes, kind).points, project(codes, kind).points
    )


def test_the_axes_say_how_much_they_explain():
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(500, 2)) * [3, 1]
    assert project(codes, "pca").axes == ("PCA 1 (90%)", "PCA 2 (10%)")


@pytest.mark.parametrize("kind", ["pca", "tsne"])
@pytest.mark.parametrize("shape", [(4, 1), (5, 300)])
def test_few_points_and_short_codes_lie_on_a_plane_too(kind, shape):
    codes = np.random.default_rng(0).normal(size=shape)
    assert project(codes, kind).points.shape == (shape[0], 2)


def test_codes_that_are_all_alike_lie_in_one_place():
    assert not project(np.ones((9, 4)), "pca").points.any()


@pytest.mark.parametrize(
    ("codes", "kind", "told"),
    [
        (np.ones((3, 4)), "pca", "only 3 points"),
        (np.ones((9, 4)), "maps", "no projection 'maps'"),
        (np.full((9, 4), np.nan), "pca", "no numbers"),
    ],
)
def test_what_cannot_be_laid_out_is_refused(codes, kind, told):
    with pytest.raises(SettingsError, match=told):
        project(codes, kind)


def test_umap_is_offered_only_where_it_is_installed(monkeypatch):
    def missing(name):
        raise projection.PackageNotFoundError(name)

    monkeypatch.setattr(projection, "version", missing)
    assert projection.installed() == ["pca", "tsne"]
    with pytest.raises(SettingsError, match="pip install umap-learn"):
        project(np.ones((9, 4)), "umap")


def test_umap_lays_points_out():
    pytest.importorskip("umap")
    assert project(points().codes, "umap").points.shape == (40, 2)


# --- as a path, a table, a picture


def test_the_path_leads_from_each_cell_to_itself():
    order, leads = points(count=6, cells=2).path()
    assert order.tolist() == [0, 2, 4, 1, 3, 5]
    assert leads.tolist() == [True, True, False, True, True, False]


def test_the_table_is_tidy(tmp_path):
    path = tmp_path / "codes.csv"
    found = points(count=6, cells=2, interval=30.0)
    found.to_csv(path, {"pca": np.ones((6, 2))})
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:9] == [
        *("frame", "time_s", "label", "y", "x", "mean_0", "sd_0", "error", "pca_1"),
    ]
    assert [row["label"] for row in rows] == ["1", "2"] * 3
    assert [float(row["time_s"]) for row in rows] == [0, 0, 30, 30, 60, 60]
    assert rows[0]["error"] == rows[0]["y"] == ""
    assert float(rows[3]["code_4"]) == pytest.approx(found.codes[3, 4], rel=1e-5)


def test_the_figure_shows_every_plane(tmp_path):
    found = points()
    draw(tmp_path / "codes.png", found, [project(found.codes, "pca")] * 2)
    assert (tmp_path / "codes.png").stat().st_size > 5000


def test_the_cell_gans_codes_are_what_its_encoder_sees():
    from napari_morphocast.models.base import model_class

    kind = model_class("cell_gan")
    torch.manual_seed(0)
    model = kind(kind.Config(side=32, latent=8), 1).eval()
    frames = torch.rand(2, 1, 32, 32)
    with torch.inference_mode():
        wanted = model.encode(frames)
        torch.testing.assert_close(model.codes(frames), wanted)
