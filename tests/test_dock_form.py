"""What docks have in common."""

import subprocess
import sys

import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QFileDialog, QLabel, QMessageBox, QVBoxLayout, QWidget

from napari_morphocast.widgets._dock_form import WIDTH, Scrolling, frames_box
from napari_morphocast.widgets._evaluate import EvaluateDock
from napari_morphocast.widgets._explore import ExploreDock
from napari_morphocast.widgets._forecast import ForecastDock
from napari_morphocast.widgets._preferences import remember
from napari_morphocast.widgets._saving import where_to
from napari_morphocast.widgets._synthesize import SynthesizeDock
from napari_morphocast.widgets._train import TrainDock

DOCKS = [EvaluateDock, ExploreDock, ForecastDock, SynthesizeDock]


def test_nothing_in_a_dock_is_cut_off_at_the_right(qtbot):
    inside = QLabel("x")
    inside.setMinimumSize(900, 2000)
    scroll = Scrolling(inside)
    qtbot.addWidget(scroll)
    scroll.resize(scroll.minimumSizeHint())
    scroll.show()
    assert scroll.viewport().width() >= 900
    assert scroll.height() < 2000


def test_what_appears_later_gets_the_room_that_it_needs(qtbot):
    dock, inside, wide = QWidget(), QWidget(), QLabel("x")
    column = QVBoxLayout(inside)
    column.addWidget(wide)
    wide.setMinimumWidth(700)
    wide.hide()
    QVBoxLayout(dock).addWidget(Scrolling(inside))
    qtbot.addWidget(dock)
    dock.show()
    assert dock.minimumSizeHint().width() < 500
    wide.show()
    qtbot.waitUntil(lambda: dock.minimumSizeHint().width() >= 700)


@pytest.mark.parametrize("kind", DOCKS)
def test_docks_need_no_more_room_than_they_have(kind, home, qtbot):
    dock = kind(ViewerModel())
    qtbot.addWidget(dock)
    assert WIDTH <= dock.minimumSizeHint().width() < WIDTH + 40
    dock.presenter.close()


def test_one_frame_is_not_called_frames(qtbot):
    box = frames_box(12, 100)
    qtbot.addWidget(box)
    assert box.text() == "12 frames"
    box.setValue(1)
    assert box.text() == "1 frame"


def test_a_bar_without_an_end_says_below_what_goes_on(home, qtbot):
    dock = ForecastDock(ViewerModel())
    qtbot.addWidget(dock)
    dock.show_running(True)
    dock.show_progress(0, "Loading PyTorch…")
    assert not dock.form.doing.isHidden()
    assert dock.form.doing.text() == "Loading PyTorch…"
    dock.show_progress(0.5, "frame 4 of 8")
    assert dock.form.doing.isHidden()
    dock.show_progress(0, "again")
    dock.show_running(False)
    assert dock.form.doing.isHidden()
    dock.presenter.close()


@pytest.mark.parametrize("kind", DOCKS)
def test_a_dock_that_is_gone_hears_nothing_of_the_viewer(kind, home, qtbot):
    viewer, place = ViewerModel(), QWidget()
    qtbot.addWidget(place)

    def listeners():
        events = viewer.dims.events.current_step, viewer.events.theme
        events += viewer.layers.events.inserted, viewer.canvas.grid.events.enabled
        return [len(event.callbacks) for event in events]

    before = listeners()
    dock = kind(viewer)
    dock.setParent(place)
    assert listeners() != before
    dock.setParent(None)  # what napari does when a dock is closed
    assert listeners() == before


@pytest.mark.parametrize("kind", DOCKS)
def test_a_dock_opens_whatever_was_chosen_last(kind, home, qtbot):
    odd = {"models": 5, "model": 5, "horizon": "far", "window": [], "count": None}
    remember(**{kind.NAME: odd})
    dock = kind(ViewerModel())
    qtbot.addWidget(dock)
    assert dock.form.models.count()
    dock.presenter.close()


@pytest.mark.parametrize("kind", [*DOCKS, TrainDock])
def test_opening_a_dock_imports_nothing_that_takes_long(kind):
    code = (
        "import sys; from qtpy.QtWidgets import QApplication; app = QApplication([]);"
        "from napari.components import ViewerModel;"
        f"from {kind.__module__} import {kind.__name__} as Dock;"
        "dock = Dock(ViewerModel()); dock.show(); app.processEvents();"
        "print({'torch', 'pyqtgraph', 'sklearn', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


@pytest.fixture
def typed(tmp_path, monkeypatch):
    """Names that the user types one after the other, and the questions that follow."""
    names, questions, buttons = [], [], QMessageBox.StandardButton

    def question(parent, title, text):
        questions.append(text)
        return buttons.No if names else buttons.Yes

    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / names.pop(0)), "")
    )
    monkeypatch.setattr(QMessageBox, "question", question)
    return names, questions


def test_a_file_is_not_replaced_without_a_question(typed, tmp_path):
    names, questions = typed
    (tmp_path / "scores.csv").write_text("precious")
    names += "scores", "better"
    assert where_to(None, "Save", "x", "Table", ".csv") == tmp_path / "better.csv"
    names += ("scores",)
    assert where_to(None, "Save", "x", "Table", ".csv") == tmp_path / "scores.csv"
    assert len(questions) == 2
    assert questions[0].startswith("scores.csv")


def test_the_dialog_has_asked_about_a_whole_name(typed, tmp_path):
    names, questions = typed
    (tmp_path / "scores.csv").write_text("precious")
    names += ("scores.csv",)
    assert where_to(None, "Save", "x", "Table", ".csv") == tmp_path / "scores.csv"
    assert not questions


@pytest.mark.parametrize("name", ["day 1.5", "day 1.5.tif", "day 1.5.ome.tif"])
def test_a_name_gets_what_its_ending_lacks(typed, tmp_path, name):
    typed[0].append(name)
    wanted = tmp_path / "day 1.5.ome.tif"
    assert where_to(None, "Save", "x", "OME-TIFF", ".ome.tif") == wanted
