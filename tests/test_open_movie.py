"""Opening a movie by button: what is asked, and what is said when it fails."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel

from napari_morphocast.errors import MovieError
from napari_morphocast.widgets._movie_panel import MoviePanel
from napari_morphocast.widgets._open_movie import (
    AxesDialog,
    DepthDialog,
    OpenMovie,
    open_with_questions,
    suggested,
)
from presenting import Now


@pytest.fixture
def viewer(qapp):
    return ViewerModel()


@pytest.fixture
def asked(monkeypatch):
    """Dialogs that were shown; each is answered with what it suggests."""
    shown = []

    def answer(dialog):
        shown.append(dialog)
        dialog.accept()
        return dialog.result()

    monkeypatch.setattr(AxesDialog, "exec", answer)
    monkeypatch.setattr(DepthDialog, "exec", answer)
    return shown


def tiff(folder, axes, shape):
    path = folder / "cells.tif"
    data = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    tifffile.imwrite(path, data, imagej=True, metadata={"axes": axes})
    return path


def npy(folder, shape):
    path = folder / "cells.npy"
    np.save(path, np.zeros(shape, np.uint8))
    return path


@pytest.mark.parametrize(
    ("axes", "likely"),
    [
        ("QQQ", "TYX"),
        ("QYX", "TYX"),
        ("ZYX", "TYX"),
        ("CYX", "TYX"),
        ("QQQQ", "TCYX"),
        ("QYXS", "TYXS"),
        ("ZCYX", "TCYX"),
    ],
)
def test_the_likeliest_axes_are_suggested(axes, likely):
    assert suggested(axes) == likely


def test_a_clear_movie_is_opened_without_a_question(tmp_path, viewer, asked):
    path = tiff(tmp_path, "TYX", (4, 16, 20))
    assert open_with_questions(viewer, path, None) is viewer.layers[0]
    assert asked == []


def test_a_stack_without_time_is_asked_for_its_axes(tmp_path, viewer, asked):
    open_with_questions(viewer, tiff(tmp_path, "ZYX", (4, 16, 20)), None)
    assert [type(one) for one in asked] == [AxesDialog]
    assert tuple(viewer.layers[0].axis_labels) == ("T", "Y", "X")


def test_depth_is_asked_for(tmp_path, viewer, asked):
    open_with_questions(viewer, tiff(tmp_path, "TZYX", (4, 3, 16, 20)), None)
    assert [type(one) for one in asked] == [DepthDialog]
    assert viewer.layers[0].data.shape == (4, 16, 20)


def test_cancel_opens_nothing(tmp_path, viewer, monkeypatch):
    monkeypatch.setattr(AxesDialog, "exec", lambda _: 0)
    assert open_with_questions(viewer, npy(tmp_path, (4, 9, 8, 7)), None) is None
    assert len(viewer.layers) == 0


def test_one_picture_is_refused_without_a_question(tmp_path, viewer, asked):
    with pytest.raises(MovieError, match="no time axis"):
        open_with_questions(viewer, npy(tmp_path, (16, 20)), None)
    assert asked == []


def test_wrong_letters_keep_the_question_open(qtbot):
    dialog = AxesDialog("cells", "QQQ", (4, 16, 20), None)
    qtbot.addWidget(dialog)
    dialog.letters.setText("ZYX")
    dialog.accept()
    assert not dialog.result()
    assert "no time axis" in dialog.problem()


def test_a_single_slice_can_be_chosen(qtbot):
    dialog = DepthDialog("cells", 3, None)
    qtbot.addWidget(dialog)
    dialog.choice.setCurrentText("slice 2 only")
    assert dialog.z() == 2


def test_a_refusal_on_screen_names_no_option(tmp_path, viewer, qtbot):
    button, said = OpenMovie(viewer), []
    qtbot.addWidget(button)
    button.failed.connect(said.append)
    button.open_path(npy(tmp_path, (16, 20)))
    assert said[0].startswith("cells: no time axis")
    assert "--" not in said[0]


def test_the_button_offers_files_and_folders(viewer, qtbot):
    button = OpenMovie(viewer)
    qtbot.addWidget(button)
    assert [action.text()[:4] for action in button.menu().actions()] == ["File", "Fold"]


def test_the_train_dock_offers_every_slice(viewer, qtbot):
    viewer.add_image(np.zeros((8, 3, 16, 17), np.uint8), axis_labels="TZYX")
    panel = MoviePanel(viewer, Now(ponder=True))
    qtbot.addWidget(panel)
    panel.show()
    panel._z.setCurrentText("slice 1 only")
    assert panel.movie().shape == (8, 1, 16, 17)
    panel.forget()
