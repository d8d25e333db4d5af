"""A segmentation beside the pictures: seen, moved along, never scored."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
import torch
from dask import array as dask_array
from napari.components import ViewerModel

from movies import gliding
from napari_morphocast import api, cli
from napari_morphocast.api.imagining import check_forecaster
from napari_morphocast.data.checks import check
from napari_morphocast.data.io import read_movie, write_movie
from napari_morphocast.data.labels import NAME, read_labels, settled, with_labels
from napari_morphocast.data.mask import read_mask
from napari_morphocast.data.movie import Movie
from napari_morphocast.data.scaling import Scaling
from napari_morphocast.data.windows import Part, Window
from napari_morphocast.errors import MovieError, SettingsError
from napari_morphocast.models.sdc_net import SDCNet
from napari_morphocast.training.config import Hardware, Run
from napari_morphocast.widgets._background import controller_of
from napari_morphocast.widgets._cells import with_cells
from napari_morphocast.widgets._forecast import ForecastDock
from napari_morphocast.widgets._layers import Source
from napari_morphocast.widgets._movie_panel import MoviePanel
from napari_morphocast.widgets._movies import own_metadata
from presenting import Now

CPU = Hardware(device="cpu")
SHORT = {"width": 4, "epochs": 1, "horizon": 1, "context": 4}
TINY = {"width": 4, "depth": 1, "kernel": 3, "epochs": 1, "horizon": 1}


def cells(movie: Movie) -> np.ndarray:
    """What is brighter than the middle, each frame with a number of its own."""
    bright = movie.raw(0, len(movie))[:, 0] > 100
    return bright * np.arange(1, len(movie) + 1, dtype=np.uint16)[:, None, None]


@pytest.fixture(scope="module", params=[1, 2], ids=["alone", "ensemble"])
def model(tmp_path_factory, request):
    """A network that has learned from pictures and cells, or two of them."""
    movie = gliding()
    path = tmp_path_factory.mktemp("labels") / "sdc.morphocast"
    list(
        api.train(
            with_labels(movie, cells(movie)),
            path,
            Run.make("sdc_net", **TINY, members=request.param),
            hardware=CPU,
        )
    )
    return path


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "bool"])
def test_cells_are_the_last_channel_in_the_type_of_the_movie(dtype):
    movie = gliding(dtype=dtype)
    labels = cells(gliding())
    seen = with_labels(movie, labels)
    assert (seen.shape[1], seen.pictured, seen.labels) == (2, 1, True)
    assert seen.dtype == movie.dtype
    assert seen.channels == ("channel 0", NAME)
    both = seen.raw(3, 6)
    np.testing.assert_array_equal(both[:, :1], movie.raw(3, 6))
    most = both.dtype.type(
        np.iinfo(dtype).max if np.issubdtype(movie.dtype, np.integer) else 1
    )
    np.testing.assert_array_equal(both[:, 1], (labels[3:6] > 0) * most)
    np.testing.assert_array_equal(seen.frames[4], seen.raw(4, 5)[0])
    assert not seen.only([0]).labels
    assert seen.only([1]).labels
    assert seen.between(2, 5).labels
    np.testing.assert_array_equal(seen.pictures.raw(0, 2), movie.raw(0, 2))
    assert check(seen) == check(movie)


def test_probabilities_stay_probabilities_and_one_picture_is_that_of_all_frames():
    movie = gliding()
    shares = np.linspace(0, 1, 24 * 28, dtype=np.float32).reshape(24, 28)
    seen = with_labels(movie, shares).raw(0, 30)[:, 1]
    np.testing.assert_array_equal(seen, np.stack([(shares * 255).astype("uint8")] * 30))


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros((3, 24, 28), int), "3 x 24 x 28"),
        (np.full((24, 28), 2.5), "whole numbers"),
        (np.full((24, 28), np.nan), "no number"),
        (np.full((24, 28), "a"), "numbers"),
    ],
)
def test_what_is_no_segmentation_is_refused(labels, words):
    with pytest.raises(MovieError, match=words):
        with_labels(gliding(), labels)


@pytest.mark.parametrize(
    ("read", "what"), [(read_labels, "no labels"), (read_mask, "no mask")]
)
def test_a_file_that_cannot_be_read_is_refused_as_what_it_was_given_for(
    tmp_path, read, what
):
    other, damaged = tmp_path / "a.png", tmp_path / "a.npy"
    damaged.write_bytes(b"PK\x03\x04 and no more")
    for path in (other, damaged):
        with pytest.raises(MovieError, match=what):
            read(path)


def test_an_archive_of_arrays_is_not_taken_for_labels(tmp_path):
    path = tmp_path / "masks.npy"
    with path.open("wb") as file:
        np.savez(file, cells(gliding()))
    with pytest.raises(MovieError, match="archive of arrays"):
        read_labels(path)


def made(**settings: object) -> SDCNet:
    run = Run.make("sdc_net", width=4, depth=1, kernel=3, labels=True, **settings)
    torch.manual_seed(0)
    return SDCNet(run.settings, 2)


def test_cells_are_moved_with_the_pixels_but_not_learned():
    model = made()
    context, target = torch.rand(2, 4, 2, 16, 20), torch.rand(2, 1, 2, 16, 20)
    other = target.clone()
    other[:, :, 1] = torch.rand(2, 1, 16, 20)
    for stage in model.stages():
        for objective in stage.objectives:
            torch.manual_seed(1)
            loss = objective.loss(Window(context, target))
            torch.manual_seed(1)
            assert torch.equal(loss, objective.loss(Window(context, other)))
    torch.nn.init.constant_(model.motion.out.bias, 0.5)
    context[:, :, 1] = context[:, :, 0]
    ahead = model.forecast(context, 2)
    torch.testing.assert_close(ahead[:, :, 1], ahead[:, :, 0])


def test_errors_count_more_where_cells_grow():
    context, target = torch.zeros(1, 3, 2, 16, 16), torch.zeros(1, 1, 2, 16, 16)
    target[0, 0, 1, 8, 8] = 1  # a cell grows here
    target[0, 0, 0, 8, 10] = 1  # two pixels away, an error
    near = Window(context, target)
    far = Window(context, target.clone())
    far.target[0, 0, 0] = far.target[0, 0, 0].roll(1, -1)
    assert (made()._weight(near) == 1).all()
    model = made(growth=1.5)
    assert model._weight(near).sum() == 256 + 0.5 * 25
    squares = [
        float((model._weight(one) * one.target[:, :, :1]).square().sum())
        for one in (near, far)
    ]
    assert squares == [1.5**2, 1.0]


def test_growth_needs_a_segmentation(tmp_path):
    with pytest.raises(SettingsError, match="labels"):
        api.train(gliding(), tmp_path / "a.morphocast", Run.make("sdc_net", growth=1.5))


def test_a_segmentation_that_nobody_gave_is_missed(tmp_path):
    run = Run.make("sdc_net", **TINY, labels=True)
    with pytest.raises(SettingsError, match="No segmentation was given"):
        api.train(gliding(), tmp_path / "m.morphocast", run, hardware=CPU)


def test_half_a_segmentation_is_refused(tmp_path):
    movie = gliding()
    seen, path = with_labels(movie, cells(movie)), tmp_path / "a.morphocast"
    other = Movie(np.repeat(movie.frames, 2, 1), name="two")
    with pytest.raises(MovieError, match="some have none"):
        api.train([seen, other], path)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--set", "kernel=9"), "leave out kernel."),
        (("--model", "sdc_net"), "leave out --model."),
        (("--set", "mse=0.3"), "no setting called 'mse' for sdc_net"),
        (("--set", "context=5", "--set", "growth=2"), "leave out context, growth."),
    ],
)
def test_a_model_that_is_finetuned_keeps_what_it_is(
    model, words, said, tmp_path, capsys
):
    path, new = tmp_path / "movie.npy", tmp_path / "new.morphocast"
    np.save(path, gliding().raw(0, 30)[:, 0])
    assert run("train", path, "-o", new, "--from", model, *words) == 2
    assert said in capsys.readouterr().err
    assert not new.exists()


def test_a_map_of_errors_stays_one_of_whole_frames(tmp_path, capsys):
    old, new, path = (tmp_path / name for name in ("a.morphocast", "b", "movie.npy"))
    mapped = Run.make("sdc_net", **TINY, loss="adaptive", errors="map")
    list(api.train(gliding(), old, mapped, hardware=CPU))
    np.save(path, gliding().raw(0, 30)[:, 0])
    words = ("--set", "crop=16", "--set", "flips=true", "--set", "ema=0.9")
    assert run("train", path, "-o", new, "--from", old, *words) == 2
    assert "leave out crop, flips." in capsys.readouterr().err


def test_synthetic_scenes_have_no_segmentation(model):
    with pytest.raises(SettingsError, match="synthetic scenes have no segmentation"):
        check_forecaster(model)


def test_scores_are_those_of_the_pictures(model):
    movie = gliding(noise=3)
    seen = with_labels(movie, cells(gliding()))
    found = api.evaluate(seen, model, horizon=2, hardware=CPU)
    plain = api.evaluate(movie, [], horizon=2, hardware=CPU)
    for metric in ("mse", "ssim", "mse_changing"):
        ours = [row.value for row in found.of("persistence", metric)]
        assert ours == [row.value for row in plain.of("persistence", metric)]
        assert ours
    for name in ("advection", "ridge"):
        both = [[row.value for row in one.of(name, "mse")] for one in (found, plain)]
        assert both[0] == both[1]
    assert found.noise == plain.noise
    assert found.of("sdc", "mse")


def test_frames_learned_from_are_known_whatever_segmentation_lies_beside(model):
    movie = gliding()
    nothing = np.zeros((24, 28), np.uint8)
    nothing[0, :5] = 1
    found = api.evaluate(with_labels(movie, nothing), model, since=0.3, hardware=CPU)
    assert any("TRAINED" in note for note in found.notes)


def test_resuming_needs_the_same_segmentation(tmp_path):
    movie, path = gliding(), tmp_path / "a.morphocast"
    seen = with_labels(movie, cells(movie))
    list(api.train(seen, path, Run.make("unet", **SHORT), hardware=CPU))
    other = with_labels(movie, np.ones((24, 28), int))
    for wrong in (movie, other):
        with pytest.raises(MovieError, match="and its segmentation"):
            api.resume(wrong, path, epochs=3)
    list(api.resume(seen, path, epochs=2, hardware=CPU))


def test_pictures_are_not_taken_for_cells(tmp_path):
    path = tmp_path / "two.morphocast"
    list(api.train(gliding(channels=2), path, Run.make("unet", **SHORT), hardware=CPU))
    seen = with_labels(gliding(), cells(gliding()))
    with pytest.raises(MovieError, match="has 1"):
        api.evaluate(seen, path, hardware=CPU)
    with pytest.raises(MovieError, match="has 1"):
        api.train(seen, tmp_path / "b.morphocast", start_from=path)


def test_models_with_and_without_a_segmentation_are_compared(model, tmp_path):
    movie, path = gliding(noise=3), tmp_path / "plain.morphocast"
    list(api.train(movie, path, Run.make("unet", **SHORT), hardware=CPU))
    seen = with_labels(movie, cells(gliding()))
    both = api.evaluate(seen, [model, path], horizon=2, hardware=CPU)
    alone = api.evaluate(movie, path, horizon=2, hardware=CPU)
    ours = [[row.value for row in one.of("plain", "mse")] for one in (both, alone)]
    assert ours[0] == ours[1]
    for foretell in (api.predict, api.rollout):
        made = [foretell(one, path, hardware=CPU) for one in (seen, movie)]
        np.testing.assert_array_equal(*(next(one.frames) for one in made))
    with pytest.raises(MovieError, match="without a segmentation"):
        api.train(seen, tmp_path / "c.morphocast", start_from=path)


def test_controls_robustness_and_surprise_look_at_the_pictures(model):
    movie = gliding(noise=3)
    seen = with_labels(movie, cells(gliding()))
    found = api.controls(seen, model, horizon=1, hardware=CPU)
    assert found.scores.of("sdc", "mse")
    kinds = {"kinds": ["gaussian"], "steps": 1, "forecasts": 2, "hardware": CPU}
    errors = [
        [r.value for r in api.robustness(one, "persistence", **kinds).rows][:2]
        for one in (movie, seen)
    ]
    assert errors[0] == pytest.approx(errors[1], rel=0.05)  # their noise differs
    assert api.surprise(seen, model, hardware=CPU).maps.shape[1] == 1


def test_frames_without_any_cell_are_no_reason_to_refuse(model):
    empty = with_labels(gliding(noise=3), np.zeros((30, 24, 28), np.uint8))
    assert Scaling.fit([Part(empty, 0, 30)]).high[1] == 255
    assert api.surprise(empty, model, hardware=CPU).maps.shape[1] == 1
    assert api.evaluate(empty, model, horizon=1, hardware=CPU).of("sdc", "psnr")


@pytest.mark.parametrize("dtype", ["int64", "uint64", "int8"])
def test_cells_in_large_and_small_whole_numbers(dtype):
    levels = gliding().raw(0, 30) // 2
    seen = with_labels(Movie(levels.astype(dtype)), cells(gliding()))
    found = np.unique(seen.raw(0, 30)[:, 1])
    assert found.tolist() == [0, min(np.iinfo(dtype).max, 65535)]


def test_cells_painted_in_one_frame_are_cells_of_that_frame(viewer):
    layer, labels = add_layers(viewer)
    once = np.zeros_like(labels.data)
    once[7, :5] = 1
    labels.data = once
    movie, _ = with_cells(gliding(), [Source.of(layer)], labels)
    counts = (movie.raw(0, 30)[:, 1] > 0).sum((1, 2))
    assert counts.nonzero()[0].tolist() == [7]
    labels.data = np.zeros_like(once)
    with pytest.raises(MovieError, match="belong to it"):
        with_cells(gliding(), [Source.of(layer)], labels)


def test_what_is_painted_later_is_seen_at_the_next_look_but_not_by_a_run(viewer):
    layer, labels = add_layers(viewer)
    before = settled(with_cells(gliding(), [Source.of(layer)], labels)[0])
    labels.data[3] = 0  # as a script does, which tells nobody
    labels.paint((4, 5, 6), 9)
    after, _ = with_cells(gliding(), [Source.of(layer)], labels)
    assert not after.raw(3, 4)[0, 1].any()
    assert after.raw(4, 5)[0, 1, 5, 6]
    assert before.raw(3, 4)[0, 1].any()


def test_labels_with_another_time_step_are_refused(viewer):
    layer, labels = add_layers(viewer)
    labels.scale = (1, 0.5, 0.5)  # and frame 30 lies at 1800 s
    with pytest.raises(MovieError, match="on 1 frame of 30 only"):
        with_cells(gliding(), [Source.of(layer)], labels)


def test_labels_are_read_frame_by_frame(viewer):
    layer, labels = add_layers(viewer)
    read, data = [], labels.data

    def noting(block, block_info=None):
        read.append(block_info[0]["chunk-location"][0])
        return block

    lazy = dask_array.from_array(data, chunks=(1, 24, 28))
    labels.data = lazy.map_blocks(noting, dtype=data.dtype)
    read.clear()
    movie, _ = with_cells(gliding(), [Source.of(layer)], labels)
    movie.raw(5, 6)
    assert set(read) <= {0, 5}
    kept, seen = settled(movie), data.copy()
    data[:] = 0
    np.testing.assert_array_equal(kept.raw(0, 30)[:, 1] > 0, seen > 0)


def test_a_sweep_may_weigh_growth(tmp_path):
    movie = gliding()
    fixed = {**TINY, "growth": 1.5}
    found = api.sweep(
        with_labels(movie, cells(movie)),
        tmp_path / "best.morphocast",
        api.Search(model="sdc_net", fixed=fixed, only=("learning_rate",), trials=1),
        hardware=CPU,
    )
    list(found.run())
    assert [trial.outcome for trial in found.trials] == ["done"]


def run(*words: object) -> int:
    return cli.main([str(word) for word in words])


def test_the_command_line_trains_forecasts_and_scores_with_labels(tmp_path, capsys):
    movie, film, masks = gliding(), tmp_path / "a.ome.tif", tmp_path / "masks.tif"
    write_movie(film, iter(movie.raw(0, 30)), like=movie, count=30)
    tifffile.imwrite(masks, cells(movie))
    made = tmp_path / "m.morphocast"
    sets = [f"--set={key}={value}" for key, value in TINY.items() if key != "epochs"]
    train = "train", film, "-o", made, "--model", "sdc_net", "--epochs", 1, *sets
    assert run(*train, "--labels", masks, "--labels", masks) == 2
    assert "once for each movie" in capsys.readouterr().err
    assert run(*train, "--labels", masks) == 0
    ahead = tmp_path / "ahead.ome.tif"
    assert run("predict", film, made, "-o", ahead) == 2
    assert "segmentation" in capsys.readouterr().err
    for verb in ("predict", "surprise"):
        assert run(verb, film, made, "-o", masks, "--labels", masks) == 2
        assert "overwritten" in capsys.readouterr().err
    assert run("predict", film, made, "-o", ahead, "--labels", masks) == 0
    forecast = read_movie(ahead)
    assert forecast.channels == ("channel 0", NAME)
    assert forecast.raw(0, 3)[:, 1].max() == 255
    assert run("evaluate", film, made, "--labels", masks, "--horizon", 2) == 0


@pytest.fixture
def viewer(home):
    return ViewerModel()


def add_layers(viewer):
    movie = gliding()
    how = {"axis_labels": ("T", "Y", "X"), "scale": (60, 0.5, 0.5)}
    layer = viewer.add_image(movie.frames[:, 0], name="gliding", **how)
    return layer, viewer.add_labels(cells(movie), name="cells", **how)


def test_the_train_dock_learns_from_a_labels_layer(viewer, qtbot):
    panel = MoviePanel(viewer, Now(ponder=True))
    qtbot.addWidget(panel)
    layer, labels = add_layers(viewer)
    panel.choose(layer)
    assert not panel.movie().labels
    box = panel._cells.box
    assert box.isVisibleTo(panel)
    box.setCurrentIndex(box.findData(labels))
    seen = panel.movie()
    assert seen.labels
    np.testing.assert_array_equal(seen.raw(2, 3)[0, 1] > 0, labels.data[2] > 0)
    viewer.layers.remove(labels)
    assert not panel.movie().labels
    assert not box.isVisibleTo(panel)
    panel.forget()


def test_the_forecast_dock_shows_forecast_cells(viewer, qtbot, model):
    dock = ForecastDock(viewer)
    qtbot.addWidget(dock)
    _, labels = add_layers(viewer)
    dock.choose_model(model)
    dock.presenter.refresh()
    assert "segmentation" in dock.form.predict.toolTip()
    box = dock.form.picker.cells.box
    box.setCurrentIndex(box.findData(labels))
    dock.presenter.refresh()
    dock.form.predict.click()
    qtbot.waitUntil(lambda: controller_of(viewer).job is None, timeout=60_000)
    made = {
        own_metadata(one).get("source"): one
        for one in viewer.layers
        if own_metadata(one).get("kind") == "prediction"
    }
    assert set(made) == {"gliding", "gliding · cells"}
    assert made["gliding · cells"].data.max() == 255
    dock.presenter.close()


def test_colours_in_one_layer_take_no_segmentation(viewer):
    rgb = viewer.add_image(np.zeros((4, 8, 9, 3), np.uint8), rgb=True)
    labels = viewer.add_labels(np.ones((4, 8, 9), int))
    movie = Movie(np.zeros((4, 3, 8, 9), np.uint8), rgb=True)
    with pytest.raises(MovieError, match="choose one"):
        with_cells(movie, [Source.of(rgb)], labels)
