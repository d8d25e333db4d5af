"""The Synthesize dock's behaviour: no Qt, no torch, no thread."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import pytest
from tifffile import TiffFile

from movies import gliding
from napari_morphocast.api.synthesizing import piece
from napari_morphocast.data.fingerprint import fingerprint
from napari_morphocast.data.io import read_movie
from napari_morphocast.data.movie import Movie
from napari_morphocast.errors import ForecastError, MovieError, SettingsError
from napari_morphocast.models.base import SYNTHESIZERS
from napari_morphocast.presenters.model_files import (
    MAKERS,
    choices,
    makes,
    read_facts,
    synthesizers,
)
from napari_morphocast.presenters.synthesize import (
    NO_MODEL,
    NO_MOVIE,
    UNGUIDED,
    SynthesizePresenter,
    SynthesizeView,
)
from napari_morphocast.presenters.synthesize_work import Studio, Verbs
from presenting import Now, model_file

PLANE = 8, 8


def verbs(asked, fail=None):
    """Frames whose grey level is the seed; the nearest real one is ever number 2."""

    def made(count, seed):
        frames = np.full((count, 1, 1, *PLANE), seed % 251, np.uint8)
        note = f"SYNTHETIC frames by cells, seed {seed}"
        movie = Movie(frames[:, 0], name="made")
        return SimpleNamespace(frames=frames, movie=movie, note=note)

    def synthesize(model, **how):
        asked.append(how)
        if fail:
            raise fail
        if how.get("refine"):
            how["progress"](0.5)
        return made(how["count"], how["seed"])

    def interpolate(model, movie, frames, **how):
        asked.append({**how, "frames": frames})
        return made(how["count"], how["seed"])

    def nearest(movie, made, until, *, stop, progress):
        asked.append({"until": until})
        progress(0.75)
        return np.array([[2, 0, 0]] * len(made.frames))

    def load(path):
        asked.append({"loaded": path})
        return SimpleNamespace(
            misfits=lambda movie: [f"Other greys than {movie.name}."],
            imitated=lambda movie: ["Only the middle is imitated."],
        )

    def imagine(made, forecaster, *, horizon, like, hardware, stop, progress):
        progress(0.5)
        asked.append({"forecaster": forecaster, "horizon": horizon})
        frames = np.repeat(made.frames, 1 + horizon, 1)
        movie, remarks = Movie(frames[:, :, 0]), ("Has learned from other pixels.",)
        return SimpleNamespace(frames=frames, movie=movie, remarks=remarks)

    return Verbs(
        load, synthesize, interpolate, nearest, piece, imagine, lambda **given: given
    )


@pytest.fixture
def model(tmp_path):
    settings = {"side": 64}
    return model_file(tmp_path / "cells.morphocast", model="vae", settings=settings)


def screen(model, movie=None, seed=None, refine=False):
    view = MagicMock(spec=SynthesizeView)
    view.sources.return_value = ("there",)
    view.movie.return_value = movie
    view.model.return_value = model
    view.frame.return_value = 4
    view.other.return_value = 9
    view.count.return_value = 3
    view.variation.return_value = 0.5
    view.refine.return_value = refine
    view.seed.return_value = seed
    view.hardware.return_value = ("cpu", "auto")
    view.forecaster.return_value = "advection"
    view.horizon.return_value = 5
    return view


def presenter(view, asked, **story):
    return SynthesizePresenter(view, Now(), Studio(lambda: verbs(asked, **story)))


def test_a_model_that_makes_frames_is_no_choice_for_forecasts(tmp_path, model):
    assert makes(model)
    assert str(model) not in {str(c.model) for c in choices([model], tmp_path)}
    assert synthesizers([model], tmp_path)[0].model == model
    assert "frames of up to 64 × 64 pixels" in read_facts(model).sentence()


def test_the_names_of_models_that_make_frames_are_those_of_all_synthesizers():
    assert set(MAKERS) == set(SYNTHESIZERS)


def test_without_a_model_the_buttons_say_what_is_missing():
    view = screen(None, gliding(10))
    presenter(view, []).refresh()
    view.show_ready.assert_called_with(NO_MODEL, NO_MODEL)


def test_without_a_movie_frames_are_made_at_random_only(model):
    view, asked = screen(model), []
    made = presenter(view, asked)
    made.refresh()
    view.show_ready.assert_called_with("", NO_MOVIE)
    made.make("like")
    view.show_error.assert_called_with(NO_MOVIE)
    made.make("random")
    assert view.show_made.call_args.args[0].frames.shape == (3, 1, 1, *PLANE)


def test_of_a_movie_that_does_not_fit_frames_are_made_at_random_only(model):
    view, asked = screen(model, gliding(10, channels=3)), []
    made = presenter(view, asked)
    made.refresh()
    (random, like), _ = view.show_ready.call_args
    assert not random
    assert "1 channel" in like
    made.make("like")
    view.show_error.assert_called_with(like)
    made.make("random")
    wish = view.show_made.call_args.args[0].wish
    assert (wish.movie, wish.sources) == (None, ())


def test_a_layer_that_is_no_movie_says_so_in_place_of_the_one_before(model):
    view = screen(model)
    view.movie.side_effect = MovieError("There is no time axis.")
    presenter(view, []).refresh()
    view.show_movie.assert_called_with("There is no time axis.")
    view.show_ready.assert_called_with("", "There is no time axis.")


def test_a_used_seed_is_shown_and_makes_the_same_frames(model):
    view = screen(model, gliding(10), seed=77)
    presenter(view, []).make("like")
    view.show_seed.assert_called_once_with(77)
    assert (view.show_made.call_args.args[0].frames == 77).all()


def test_a_new_seed_is_drawn_unless_one_is_asked_for(model):
    asked: list = []
    made = presenter(screen(model, gliding(10)), asked)
    made.make("like")
    made.make("like")
    one, other = (how["seed"] for how in asked if "seed" in how)
    assert one != other


def test_frames_like_the_one_on_the_screen(model):
    view, asked = screen(model, gliding(10)), []
    presenter(view, asked).make("like")
    how = asked[1]
    assert (how["frame"], how["count"], how["variation"]) == (4, 3, 0.5)
    assert "refine" not in how
    assert view.show_made.call_args.args[0].wish.title.startswith(
        "SYNTHETIC like frame 4"
    )


def test_the_real_frame_most_like_each_stands_beside_it(model):
    movie = gliding(10, PLANE)
    view = screen(model, movie)
    presenter(view, []).make("random")
    made = view.show_made.call_args.args[0]
    assert made.nearest[:, 0].tolist() == [2, 2, 2]
    assert made.wish.sources == ("there",)
    np.testing.assert_array_equal(made.beside[0], movie.raw(2, 3)[0])
    assert "has not learned from this movie" in view.show_verdict.call_args.args[0]


def test_of_a_movie_that_was_learned_only_learned_frames_are_looked_at(tmp_path):
    movie, asked = gliding(20, PLANE), []
    seen = [fingerprint(movie.raw(n, n + 1)) for n in range(12)]
    learned = {"name": "gliding", "until": 12, "seen": seen}
    about = {"model": "vae", "movies": [learned], "settings": {"side": 64}}
    view = screen(model_file(tmp_path / "a.morphocast", **about), movie)
    presenter(view, asked).make("random")
    assert asked[-1] == {"until": 12}
    assert "learned it by heart" in view.show_verdict.call_args.args[0]


def test_how_a_guide_differs_from_what_was_learned_is_said(model):
    view = screen(model, gliding(10))
    presenter(view, []).make("like")
    said = view.show_verdict.call_args.args[0]
    assert "Other greys than gliding. Only the middle is imitated. Below" in said
    presenter(view, []).make("random")
    assert "Other greys" not in view.show_verdict.call_args.args[0]


def test_each_kind_has_a_variation_of_its_own(model):
    view, asked = screen(model, gliding(10)), []
    view.variation.side_effect = {"like": 0.2, "random": 0.9}.get
    presenter(view, asked).make("random")
    presenter(view, asked).make("like")
    assert [how["variation"] for how in asked if "variation" in how] == [0.9, 0.2]


def test_a_model_without_a_guide_makes_frames_at_random_only(tmp_path):
    scores = {"validation": 0.1, "stages_left": 1.0}
    path = model_file(tmp_path / "a.morphocast", model="cell_gan", scores=scores)
    view = screen(path, gliding(10))
    presenter(view, []).refresh()
    view.show_ready.assert_called_with("", UNGUIDED)
    assert "but only at random" in read_facts(path).sentence()


def test_a_way_leads_from_the_frame_on_the_screen_to_another(model):
    view, asked = screen(model, gliding(10)), []
    presenter(view, asked).make("between")
    assert asked[-1]["frames"] == (4, 9)  # no look for neighbours comes after it


def test_refining_shows_how_far_it_is(model):
    view, asked = screen(model, gliding(10), refine=True), []
    presenter(view, asked).make("like")
    assert asked[1]["refine"] > 100
    assert 0.5 in [call.args[0] for call in view.show_progress.call_args_list]


def test_a_model_is_read_once_until_its_file_changes(model):
    asked: list = []
    made = presenter(screen(model, gliding(10)), asked)
    made.make("like")
    made.make("like")
    assert len([how for how in asked if "loaded" in how]) == 1


def test_what_goes_wrong_is_one_sentence(model):
    view = screen(model, gliding(10))
    presenter(view, [], fail=SettingsError("Give a smaller number.")).make("like")
    view.show_error.assert_called_with("Give a smaller number.")
    view.show_running.assert_called_with(False)


def test_saved_frames_say_what_they_are(model, tmp_path):
    view = screen(model, gliding(10), seed=5)
    made = presenter(view, [])
    made.make("like")
    path = tmp_path / "made.ome.tif"
    made.save(view.show_made.call_args.args[0], path)
    assert read_movie(path).shape == (3, 1, *PLANE)
    assert b"SYNTHETIC" in path.read_bytes()
    assert b"seed 5" in path.read_bytes()
    with pytest.raises(MovieError, match="make some first"):
        made.save(None, path)


def test_nothing_is_said_to_a_screen_that_is_gone(model):
    view = screen(model, gliding(10))
    made = presenter(view, [])
    made.close()
    made.refresh()
    view.show_ready.assert_not_called()


def test_frames_are_rolled_out_by_the_chosen_forecaster(model, tmp_path):
    view, asked = screen(model, gliding(10), seed=7), []
    synthesize = presenter(view, asked)
    synthesize.make("like")
    made = view.show_made.call_args.args[0]
    synthesize.roll_out(made)
    assert asked[-1] == {"forecaster": "advection", "horizon": 5}
    rolled = view.show_made.call_args.args[0]
    assert rolled.frames.shape[1] == 6
    assert "rolled out by advection" in rolled.wish.title
    assert rolled.remarks == ("Has learned from other pixels.",)
    assert rolled.wish.title.startswith("SYNTHETIC")
    said = view.show_verdict.call_args.args[0]
    assert "The last 5 frames are forecast by advection" in said
    synthesize.save(rolled, tmp_path / "rolled.ome.tif")
    with TiffFile(tmp_path / "rolled.ome.tif") as file:
        assert "FORECAST by advection from frame 1 on" in file.ome_metadata
    assert "synthetic" in said


@pytest.mark.parametrize("whole", [0, 2])
def test_of_a_rollout_that_is_stopped_whole_scenes_are_shown(model, whole):
    view, asked = screen(model, gliding(10), seed=7), []
    made = verbs(asked)

    def imagine(scenes, *how, stop, **rest):
        seen = made.imagine(scenes, *how, stop=stop, **rest)
        stop.set()
        if not whole:
            raise ForecastError("Stopped before any scene was rolled out.")
        return SimpleNamespace(frames=seen.frames[:whole], movie=seen.movie, remarks=())

    studio = Studio(lambda: made._replace(imagine=imagine))
    synthesize = SynthesizePresenter(view, Now(), studio)
    synthesize.make("like")
    first = view.show_made.call_args.args[0]
    view.show_made.reset_mock()
    synthesize.roll_out(first)
    if whole:
        assert len(view.show_made.call_args.args[0].frames) == whole
        assert "Stopped after 2 of 3" in view.show_verdict.call_args.args[0]
    else:
        view.show_made.assert_not_called()
        assert "Stopped before any" in view.show_error.call_args.args[0]


def test_without_frames_there_is_nothing_to_roll_out(model):
    view = screen(model, gliding(10))
    presenter(view, []).roll_out(None)
    assert "Make frames first" in view.show_error.call_args.args[0]
