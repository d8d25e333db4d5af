"""Layers as movies and movies as layers; no window is needed for these."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from movies import counted, gliding
from napari_morphocast.data.io import write_movie
from napari_morphocast.data.movie import Movie
from napari_morphocast.errors import MovieError
from napari_morphocast.widgets._layers import Source, add_prediction
from napari_morphocast.widgets._movies import (
    LayerFacts,
    channels_of_one_movie,
    layer_facts,
    layers_of,
    movie_from_layer,
    open_movie,
    own_metadata,
    read_facts_from_file,
    together,
)
from napari_morphocast.widgets._repair import repair


@pytest.fixture
def viewer():
    return ViewerModel()


def saved(path, movie):
    frames = (movie.raw(t, t + 1)[0] for t in range(len(movie)))
    write_movie(path, frames, like=movie, count=len(movie))
    return path


def labelled(shape=(5, 8, 9), axes="TYX", **given):
    return Image(np.zeros(shape, np.uint8), axis_labels=tuple(axes), **given)


def colours(frames=4):
    stack = np.zeros((frames, 3, 8, 9), np.uint8)
    stack[:, 1] = 200
    return Movie(stack, 60.0, (0.5, 0.5), name="colours", rgb=True)


def test_an_opened_movie_has_time_and_length(tmp_path, viewer):
    layer = open_movie(viewer, saved(tmp_path / "cells.ome.tif", gliding()))
    assert tuple(layer.scale) == (60.0, 0.5, 0.5)
    assert [str(unit) for unit in layer.units] == [
        "second",
        "micrometer",
        "micrometer",
    ]
    assert tuple(layer.axis_labels) == ("T", "Y", "X")


def test_an_opened_movie_is_read_lazily(tmp_path, viewer):
    layer = open_movie(viewer, saved(tmp_path / "cells.ome.tif", gliding()))
    assert not isinstance(layer.data, np.ndarray)
    np.testing.assert_array_equal(np.asarray(layer.data), gliding().frames[:, 0])


def test_every_channel_becomes_a_layer_with_its_own_colour(tmp_path, viewer):
    open_movie(viewer, saved(tmp_path / "two.ome.tif", gliding(channels=2)))
    first, second = viewer.layers
    assert first.colormap.name != second.colormap.name
    assert second.blending == "additive"


def test_channels_of_one_movie_find_each_other_and_join_again(tmp_path, viewer):
    movie = gliding(channels=2)
    open_movie(viewer, saved(tmp_path / "two.ome.tif", movie))
    family = channels_of_one_movie(viewer, viewer.layers[1])
    joined = together([movie_from_layer(layer) for layer in family])
    np.testing.assert_array_equal(joined.raw(3, 6), movie.raw(3, 6))


def test_channels_of_two_files_stay_apart(tmp_path, viewer):
    for name in ("one", "two"):
        open_movie(viewer, saved(tmp_path / f"{name}.ome.tif", gliding(channels=2)))
    assert len(channels_of_one_movie(viewer, viewer.layers[0])) == 2


def test_a_colour_movie_is_one_colour_layer(viewer):
    ((data, how, _),) = layers_of(colours())
    layer = viewer.add_image(data, **how)
    assert layer.rgb
    assert layer.data.shape == (4, 8, 9, 3)


def test_a_part_of_a_movie_begins_later(viewer):
    ((_, how, _),) = layers_of(gliding().between(5, 10))
    assert how["translate"][0] == 300.0


def test_a_layer_goes_to_a_movie_and_back_unchanged():
    layer = labelled(scale=(60, 0.5, 0.5), units=("s", "um", "um"))
    movie = movie_from_layer(layer)
    assert movie.shape == (5, 1, 8, 9)
    assert (movie.interval, movie.pixel_size) == (60.0, (0.5, 0.5))
    assert np.shares_memory(movie.raw(0, 5), layer.data)


def test_a_movie_of_a_colour_layer_has_three_channels():
    layer = Image(
        np.zeros((5, 8, 9, 3), np.uint8), rgb=True, axis_labels=("T", "Y", "X")
    )
    movie = movie_from_layer(layer)
    assert movie.shape == (5, 3, 8, 9)
    assert movie.rgb


@pytest.mark.parametrize(
    ("unit", "scale", "seconds"),
    [("minute", 5, 300.0), ("hour", 0.5, 1800.0), ("ms", 40, 0.04)],
)
def test_any_unit_of_time_becomes_seconds(unit, scale, seconds):
    layer = labelled(scale=(scale, 1, 1), units=(unit, "pixel", "pixel"))
    assert layer_facts(layer).interval == seconds


def test_pixels_are_no_length_and_no_time():
    facts = layer_facts(labelled())
    assert (facts.interval, facts.pixel_size) == (None, None)


@pytest.mark.parametrize(
    ("labels", "axes"),
    [(("time", "y", "x"), "TYX"), (("t", "row", "col"), "TYX"), ("ZYX", "ZYX")],
)
def test_usual_names_of_axes_are_understood(labels, axes):
    layer = Image(np.zeros((5, 8, 9)), axis_labels=tuple(labels))
    assert layer_facts(layer).axes == axes


def test_unnamed_axes_are_a_guess_that_says_so():
    facts = layer_facts(Image(np.zeros((5, 8, 9))))
    assert facts.axes == "TYX"
    assert "guess" in facts.message


def test_a_stack_of_slices_is_no_movie():
    with pytest.raises(MovieError, match="no time axis"):
        movie_from_layer(labelled(axes="ZYX"))


def test_depth_must_be_chosen_away():
    layer = labelled((5, 4, 8, 9), "TZYX")
    with pytest.raises(MovieError, match="Z axis of 4"):
        movie_from_layer(layer)
    assert movie_from_layer(layer, z="max").shape == (5, 1, 8, 9)


def test_given_values_win_over_the_layers():
    layer = labelled(scale=(60, 1, 1), units=("s", "pixel", "pixel"))
    assert movie_from_layer(layer, interval=30.0).interval == 30.0


def test_a_layer_without_a_file_says_so():
    with pytest.raises(MovieError, match="does not come from a file"):
        read_facts_from_file(labelled())


def test_a_layer_that_no_longer_has_the_files_shape_says_so(tmp_path, viewer):
    layer = open_movie(viewer, saved(tmp_path / "cells.ome.tif", gliding()))
    layer.data = layer.data[:5]
    with pytest.raises(MovieError, match="has the shape"):
        read_facts_from_file(layer)


def test_repair_keeps_a_layer_where_it_is_in_its_movie():
    layer = labelled(translate=(4, 0, 0))
    repair(layer, LayerFacts("TYX", 60.0, (0.5, 0.5), 1))
    assert layer.translate[0] == 240.0


def test_repair_leaves_alone_what_nobody_knows():
    layer = labelled((5, 4, 8, 9), "TZYX", scale=(1, 3, 1, 1))
    repair(layer, LayerFacts("TZYX", 60.0, None, 1))
    assert tuple(layer.scale) == (60.0, 3.0, 1.0, 1.0)


def test_what_lies_on_a_repaired_layer_stays_there(viewer):
    movie, other = (
        viewer.add_image(gliding(5).frames[:, 0], axis_labels="TYX", name=name)
        for name in ("movie", "other")
    )
    source = Source.of(movie)
    movie.name = "renamed"
    ahead = add_prediction(
        viewer, source, gliding(3).frames, first=2, lead=1, provenance={}
    )
    cells, plane = viewer.add_labels(np.ones((5, 24, 28), int)), viewer.add_shapes()
    plane.add_rectangles([[0, 0], [9, 9]])
    points, finer = (
        viewer.add_points(np.ones((1, 3))),
        viewer.add_labels(np.ones((5, 48, 56), int), scale=(1, 0.5, 0.5)),
    )
    repair(movie, LayerFacts("TYX", 60.0, (0.2, 0.3), 1), viewer.layers)
    for layer in (ahead, cells, points):
        np.testing.assert_allclose(layer.scale, (60, 0.2, 0.3))
        assert layer.units == movie.units
    assert ahead.translate[0] == 120
    np.testing.assert_allclose(plane.scale, (0.2, 0.3))
    np.testing.assert_allclose(other.scale, 1)
    np.testing.assert_allclose(finer.scale, (1, 0.5, 0.5))


def test_labels_in_finer_pixels_follow_a_new_time_step(viewer):
    movie = viewer.add_image(np.zeros((5, 8, 9)), axis_labels="TYX")
    finer = viewer.add_labels(np.ones((5, 16, 18), int), scale=(1, 0.5, 0.5))
    repair(movie, LayerFacts("TYX", 60.0, (1.0, 1.0), 1), viewer.layers)
    np.testing.assert_allclose(finer.scale, (60, 0.5, 0.5))


def test_the_channels_of_a_movie_are_repaired_together(viewer):
    for data, how, _ in layers_of(replace(gliding(5, channels=2), interval=None)):
        viewer.add_image(data, **how)
    repair(viewer.layers[1], LayerFacts("TYX", 60.0, None, 1), viewer.layers)
    assert [layer.scale[0] for layer in viewer.layers] == [60, 60]


def test_contrast_is_that_of_the_movie_not_of_its_brightest_pixel():
    frames = np.full((5, 1, 64, 64), 10, np.uint16)
    frames[:, :, :32] = 100
    frames[0, 0, 0, 0] = 60000
    ((_, how, _),) = layers_of(Movie(frames))
    assert how["contrast_limits"] == (10.0, 100.0)


def test_frames_are_read_once_for_the_contrast_of_all_channels():
    movie, read = counted(gliding(9, channels=3))
    limits = [how["contrast_limits"] for _, how, _ in layers_of(movie)]
    assert len(set(limits)) == 3
    assert read == [0, 4, 8]


def test_a_constant_movie_can_be_shown():
    ((_, how, _),) = layers_of(Movie(np.full((3, 1, 8, 8), 7, np.uint8)))
    assert how["contrast_limits"] == (7.0, 8.0)


def test_layers_remember_their_file(tmp_path, viewer):
    path = saved(tmp_path / "cells.ome.tif", gliding())
    assert own_metadata(open_movie(viewer, path))["path"] == str(path)


def test_channels_of_different_shapes_do_not_join():
    with pytest.raises(MovieError, match="not one movie"):
        together([gliding(5), replace(gliding(6))])
