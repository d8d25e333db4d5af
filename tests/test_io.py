"""Movies come back from files as they went in, or are refused with a sentence."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from napari_morphocast.data.io import (
    movie_from_array,
    read_metadata,
    read_movie,
    write_movie,
)
from napari_morphocast.data.movie import Movie
from napari_morphocast.errors import MovieError

SHARED = Path(__file__).parents[1].parent / "shared" / "data"
REAL = {
    "hela-nuclei-mitocheck.ome.tif": (None, (96, 1, 190, 211), 1800.0),
    "mitosis-two-channel-imagej.tif": (None, (51, 2, 196, 171), 60.0),
    "mitosis-5d-small.ome.tif": ("max", (12, 2, 128, 128), 60.0),
    "cardiac-microbundle-beating.ome.tif": (None, (150, 1, 256, 256), None),
    "t98g-phase-contrast.ome.tif": (None, (37, 1, 512, 512), None),
    "microglia-3d.ome.tif": ("mean", (40, 1, 110, 191), None),
    "drosophila-nuclei-rgb.tif": (None, (43, 3, 264, 542), None),
    "drosophila-repeated-frames.tif": (None, (21, 3, 264, 542), None),
    "golgi-float32.tif": (None, (30, 1, 137, 147), 59.86),
    "sarcomeres-beating.tif": (None, (146, 1, 336, 336), None),
}
ENDINGS = (".ome.tif", ".tif", ".ome.zarr", ".npy")


def stack(*shape, dtype="uint16", seed=0):
    """Random pixels of any shape and type."""
    values = np.random.default_rng(seed).random(shape) * 200
    return values > 100 if dtype == "bool" else values.astype(dtype)


def movie(*shape, dtype="uint16", **about):
    """A movie of random pixels with a time step and a pixel size."""
    known = {"interval": 90.0, "pixel_size": (0.5, 0.25), "name": "cells"} | about
    return Movie(stack(*shape, dtype=dtype), **known)


def saved(path, like, **options):
    write_movie(
        path, iter(like.raw(0, len(like))), like=like, count=len(like), **options
    )
    return path


def tiff(path, array, axes=None, **options):
    metadata = options.pop("metadata", {}) | ({"axes": axes} if axes else {})
    options.setdefault("photometric", "minisblack")
    tifffile.imwrite(path, array, metadata=metadata, **options)
    return path


def ome(folder, axes="TYX", shape=(4, 16, 20), **metadata):
    array = stack(*shape)
    return tiff(folder / "m.ome.tif", array, axes, ome=True, metadata=metadata)


def imagej(folder, axes="TYX", shape=(4, 16, 20), **metadata):
    options = {key: metadata.pop(key, None) for key in ("resolution", "truncate")}
    options |= {"metadata": metadata, "imagej": True}
    return tiff(folder / "m.tif", stack(*shape), axes, **options)


def pixels(path, **how):
    found = read_movie(path, **how)
    return found.raw(0, len(found))


# Reading back what was written


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("ending", ENDINGS)
def test_frames_come_back_as_they_were_written(tmp_path, ending, channels, dtype):
    like = movie(5, channels, 21, 37, dtype=dtype)
    found = read_movie(saved(tmp_path / f"out{ending}", like))
    np.testing.assert_array_equal(found.raw(0, 5), like.raw(0, 5))
    assert found.dtype == like.dtype or (ending, dtype) == (".tif", "bool")


@pytest.mark.parametrize("ending", ENDINGS)
def test_time_step_pixel_size_and_channel_names_come_back(tmp_path, ending):
    like = movie(3, 2, 16, 16, channels=("nuclei", "actin µ"))
    found = read_movie(saved(tmp_path / f"out{ending}", like))
    assert found.interval == 90.0
    assert found.pixel_size == (0.5, 0.25)
    assert found.channels == ("nuclei", "actin µ")


@pytest.mark.parametrize("ending", ENDINGS)
def test_colour_movies_come_back_in_colour(tmp_path, ending):
    like = movie(3, 3, 16, 20, dtype="uint8", rgb=True)
    found = read_movie(saved(tmp_path / f"out{ending}", like))
    assert found.rgb
    np.testing.assert_array_equal(found.raw(0, 3), like.raw(0, 3))


@pytest.mark.parametrize("ending", ENDINGS)
def test_three_channels_are_not_taken_for_colour(tmp_path, ending):
    found = read_movie(saved(tmp_path / f"out{ending}", movie(2, 3, 16, 20)))
    assert not found.rgb
    assert found.shape == (2, 3, 16, 20)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_single_frame_comes_back(tmp_path, ending):
    found = read_movie(saved(tmp_path / f"out{ending}", movie(1, 2, 16, 20)))
    assert found.shape == (1, 2, 16, 20)


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint32", "float16", "float64"])
def test_ome_tiff_keeps_the_values_of_every_type(tmp_path, dtype):
    like = movie(3, 1, 16, 20, dtype=dtype)
    frames = pixels(saved(tmp_path / "out.ome.tif", like))
    np.testing.assert_array_equal(frames, like.raw(0, 3))


@pytest.mark.parametrize("ending", ENDINGS)
def test_frames_that_stop_early_are_kept(tmp_path, ending):
    like = movie(6, 2, 16, 20)
    path = tmp_path / f"out{ending}"
    write_movie(path, iter(like.raw(0, 2)), like=like, count=6)
    np.testing.assert_array_equal(pixels(path), like.raw(0, 2))


@pytest.mark.parametrize("ending", ENDINGS)
def test_more_frames_than_announced_are_left_out(tmp_path, ending):
    like = movie(6, 1, 16, 20)
    path = tmp_path / f"out{ending}"
    write_movie(path, iter(like.raw(0, 6)), like=like, count=4)
    assert len(read_movie(path)) == 4


def imagej_info(path):
    with tifffile.TiffFile(path) as tif:
        return tif.imagej_metadata["Info"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_note_is_in_the_file(tmp_path, ending):
    path = saved(tmp_path / f"out{ending}", movie(2, 1, 8, 8), note="forecast", first=7)
    text = {
        ".ome.tif": lambda: tifffile.tiffcomment(path),
        ".tif": lambda: imagej_info(path),
        ".ome.zarr": lambda: str(dict(zarr.open_group(str(path), mode="r").attrs)),
        ".npy": lambda: (tmp_path / "out.npy.json").read_text(),
    }
    assert "forecast; frame 0 here is frame 7 of cells" in text[ending]()


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_note_comes_back_with_the_rest(tmp_path, ending):
    note = "SYNTHETIC (napari-morphocast)"
    like = movie(2, 2, 8, 8)
    path = saved(tmp_path / f"out{ending}", like, note=note, first=7)
    told = read_metadata(path).note
    assert told.startswith(f"{note}; frame 0 here is frame 7")
    assert read_metadata(saved(tmp_path / f"no{ending}", like)).note == ""


def test_the_protocol_of_a_microscope_is_no_note(tmp_path):
    path = tmp_path / "fiji.tif"
    frames = np.zeros((3, 8, 9), np.uint8)
    info = "Laser = 488 nm\nGain = 3"
    tifffile.imwrite(path, frames, imagej=True, metadata={"axes": "TYX", "Info": info})
    assert imagej_info(path) == info
    assert read_metadata(path).note == ""


def test_fiji_and_napari_find_the_axes_of_an_ome_tiff(tmp_path):
    with tifffile.TiffFile(saved(tmp_path / "o.ome.tif", movie(3, 2, 8, 9))) as tif:
        assert (tif.series[0].kind, tif.series[0].axes) == ("ome", "TCYX")


def test_fiji_and_napari_find_the_axes_of_an_imagej_file(tmp_path):
    with tifffile.TiffFile(saved(tmp_path / "o.tif", movie(3, 2, 8, 9))) as tif:
        series = tif.series[0]
        assert (series.kind, series.axes) == ("imagej", "TCYX")
        assert series.dataoffset is not None  # ImageJ reads all pictures in a row


def test_the_ome_zarr_is_version_05(tmp_path):
    path = saved(tmp_path / "out.ome.zarr", movie(3, 1, 8, 9), first=4)
    image = zarr.open_group(str(path), mode="r").attrs["ome"]
    assert image["version"] == "0.5"
    changes = image["multiscales"][0]["datasets"][0]["coordinateTransformations"]
    assert changes[0]["scale"] == [90.0, 1.0, 0.5, 0.25]
    assert changes[1]["translation"][0] == 360.0


# Writing goes wrong


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_failed_run_keeps_the_older_file_and_leaves_no_other(tmp_path, ending):
    like = movie(3, 1, 16, 20)
    path = saved(tmp_path / f"out{ending}", like)
    before, files = pixels(path), sorted(os.listdir(tmp_path))

    def failing():
        yield np.zeros((1, 16, 20), "uint16")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_movie(path, failing(), like=like, count=3)
    np.testing.assert_array_equal(pixels(path), before)
    assert sorted(os.listdir(tmp_path)) == files


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_older_file_is_replaced(tmp_path, ending):
    path = saved(tmp_path / f"out{ending}", movie(3, 1, 16, 20))
    saved(path, movie(4, 1, 8, 8))
    assert read_movie(path).shape == (4, 1, 8, 8)


def test_an_unknown_ending_names_the_known_ones(tmp_path):
    with pytest.raises(MovieError, match=r"\.ome\.tif, \.tif \(ImageJ\), \.ome\.zarr"):
        saved(tmp_path / "out.avi", movie(2, 1, 8, 8))


def test_a_folder_of_other_files_is_never_replaced(tmp_path):
    (tmp_path / "data.zarr").mkdir()
    (tmp_path / "data.zarr" / "thesis.txt").write_text("years of work")
    with pytest.raises(MovieError, match="is a folder"):
        saved(tmp_path / "data.zarr", movie(2, 1, 8, 8))


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(MovieError, match="does not exist"):
        saved(tmp_path / "nowhere" / "out.tif", movie(2, 1, 8, 8))


def test_no_frames_at_all_are_refused(tmp_path):
    with pytest.raises(MovieError, match="no frames to write"):
        write_movie(tmp_path / "o.tif", iter([]), like=movie(2, 1, 8, 8), count=2)


def test_imagej_refuses_types_it_cannot_hold(tmp_path):
    with pytest.raises(MovieError, match=r"ImageJ TIFF cannot hold.*\.ome\.tif"):
        saved(tmp_path / "out.tif", movie(2, 1, 8, 8, dtype="int32"))


def test_writing_where_nothing_may_be_written_is_a_sentence(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(MovieError, match="could not be written"):
        saved(tmp_path / "out.npy", movie(2, 1, 8, 8))


# Real movies


@pytest.mark.parametrize("name", REAL)
def test_every_real_movie_opens_with_the_right_axes(name):
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    z, shape, interval = REAL[name]
    found = read_movie(path, z=z)
    assert (found.shape, found.interval) == (shape, interval)
    assert found.rgb == ("drosophila" in name)
    assert np.ptp(found.raw(1, 2)) > 0


# What the file says


@pytest.mark.parametrize(
    ("axes", "shape", "z", "expected"),
    [
        ("TYX", (4, 16, 20), None, (4, 1, 16, 20)),
        ("TCYX", (4, 2, 16, 20), None, (4, 2, 16, 20)),
        ("CTYX", (2, 4, 16, 20), None, (4, 2, 16, 20)),
        ("TZYX", (4, 3, 16, 20), "max", (4, 1, 16, 20)),
        ("TZCYX", (4, 3, 2, 16, 20), 1, (4, 2, 16, 20)),
        ("CTZYX", (2, 4, 3, 16, 20), "mean", (4, 2, 16, 20)),
    ],
)
def test_ome_axes_in_any_order_become_t_c_y_x(tmp_path, axes, shape, z, expected):
    assert pixels(ome(tmp_path, axes, shape), z=z).shape == expected


@pytest.mark.parametrize(
    ("step", "unit", "expected"),
    [
        (250, "ms", 0.25),
        (30, "s", 30),
        (5, "min", 300),
        (2, "h", 7200),
        (1, "d", 86400),
        (8, "µs", 8e-6),
    ],
)
def test_time_units_become_seconds(tmp_path, step, unit, expected):
    path = ome(tmp_path, TimeIncrement=step, TimeIncrementUnit=unit)
    assert read_movie(path).interval == pytest.approx(expected)


@pytest.mark.parametrize(
    ("size", "unit", "expected"),
    [
        (0.65, "µm", 0.65),
        (0.65, "μm", 0.65),
        (0.65, "um", 0.65),
        (0.65, "micron", 0.65),
        (650, "nm", 0.65),
        (0.001, "mm", 1.0),
    ],
)
def test_length_units_become_micrometres(tmp_path, size, unit, expected):
    about = {
        f"PhysicalSize{a}{u}": v for a in "XY" for u, v in (("", size), ("Unit", unit))
    }
    assert read_movie(ome(tmp_path, **about)).pixel_size == (expected, expected)


def test_the_time_step_is_found_in_the_planes_where_it_is_nowhere_else(tmp_path):
    plane = {"DeltaT": [0.0, 2.0, 4.0, 6.5], "DeltaTUnit": ["min"] * 4}
    assert read_movie(ome(tmp_path, Plane=plane)).interval == 120.0


@pytest.mark.parametrize("unit", ["um", "micron", "\\u00B5m"])
def test_imagej_resolution_is_pixels_per_unit(tmp_path, unit):
    found = read_movie(imagej(tmp_path, resolution=(4, 2), unit=unit))
    assert found.pixel_size == (0.5, 0.25)


def test_an_imagej_resolution_per_centimetre_is_understood(tmp_path):
    path = imagej(tmp_path, resolution=(10000, 20000), unit="cm")
    assert read_movie(path).pixel_size == (0.5, 1.0)


def test_a_printers_resolution_is_no_pixel_size(tmp_path):
    options = {"resolution": (72, 72), "resolutionunit": "INCH"}
    path = tiff(tmp_path / "m.tif", stack(4, 16, 20), **options)
    assert read_movie(path).pixel_size is None


def test_the_imagej_frame_interval_is_read_in_its_own_unit(tmp_path):
    assert read_movie(imagej(tmp_path, finterval=2.5, tunit="min")).interval == 150.0


def test_what_the_user_says_goes_before_what_the_file_says(tmp_path):
    path = ome(tmp_path, TimeIncrement=5, PhysicalSizeX=1.0, PhysicalSizeY=1.0)
    found = read_movie(path, interval=7, pixel_size=0.3)
    assert (found.interval, found.pixel_size) == (7, (0.3, 0.3))


def test_metadata_is_read_without_choosing_anything_away(tmp_path):
    about = read_metadata(ome(tmp_path, "TZCYX", (4, 3, 2, 16, 20), TimeIncrement=9))
    assert (about.axes, about.shape) == ("TZCYX", (4, 3, 2, 16, 20))
    assert (about.interval, about.dtype) == (9.0, np.uint16)


# Layouts and types of TIFF


@pytest.mark.parametrize(
    "dtype",
    ["bool", "uint8", "int8", "uint16", ">u2", "int16", "uint32", ">i4", "float16",
     ">f4", "float32", "float64"],
)  # fmt: skip
def test_every_grey_type_is_read(tmp_path, dtype):
    array = stack(4, 16, 20, dtype=dtype)
    order = ">" if dtype.startswith(">") else "<"
    path = tiff(tmp_path / "m.tif", array, "TYX", byteorder=order)
    np.testing.assert_array_equal(pixels(path)[:, 0], array)


@pytest.mark.parametrize(
    "layout",
    [
        {"tile": (16, 16)},
        {"compression": "zlib"},
        {"compression": "zlib", "tile": (16, 32)},
        {"compression": "zlib", "rowsperstrip": 5},
        {"compression": "lzma"},
        {"rowsperstrip": 7, "bigtiff": True},
    ],
    ids=str,
)
def test_tiles_strips_and_compression_make_no_difference(tmp_path, layout):
    array = stack(4, 2, 37, 53)
    path = tiff(tmp_path / "m.tif", array, "TCYX", **layout)
    np.testing.assert_array_equal(pixels(path), array)


@pytest.mark.parametrize("samples", [3, 4])
@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_colour_samples_become_three_channels(tmp_path, samples, planes):
    array = stack(4, 16, 20, samples, dtype="uint8")
    stored = array if planes == "contig" else np.moveaxis(array, -1, 1)
    axes = "TYXS" if planes == "contig" else "TSYX"
    options = {"photometric": "rgb", "planarconfig": planes}
    path = tiff(tmp_path / "m.tif", np.ascontiguousarray(stored), axes, **options)
    found = read_movie(path)
    assert found.rgb
    np.testing.assert_array_equal(found.raw(0, 4), np.moveaxis(array[..., :3], -1, 1))


def test_a_compression_that_needs_a_package_says_which(tmp_path, monkeypatch):
    path = tiff(tmp_path / "m.tif", stack(4, 16, 20), compression="zlib")
    with tifffile.TiffFile(path, mode="r+") as tif:
        for page in tif.pages:
            page.aspage().tags["Compression"].overwrite(50000)  # zstd
    try:
        tifffile.TIFF.DECOMPRESSORS[50000]
    except KeyError:
        with pytest.raises(MovieError, match="pip install imagecodecs"):
            read_movie(path)


def test_pages_that_nobody_named_are_frames(tmp_path):
    assert read_movie(tiff(tmp_path / "m.tif", stack(4, 16, 20))).shape == (
        4,
        1,
        16,
        20,
    )


def test_complex_numbers_are_refused(tmp_path):
    np.save(tmp_path / "m.npy", np.zeros((3, 8, 8), complex))
    with pytest.raises(MovieError, match="complex128"):
        read_movie(tmp_path / "m.npy")


# Axes nobody may guess


def test_a_z_axis_nobody_chose_is_refused(tmp_path):
    with pytest.raises(MovieError, match=r"Z axis of 3 slices.*--z max"):
        read_movie(ome(tmp_path, "TZYX", (4, 3, 16, 20)))


def test_a_z_axis_of_one_slice_is_dropped():
    assert movie_from_array(stack(4, 1, 8, 9), "TZYX").shape == (4, 1, 8, 9)


@pytest.mark.parametrize(
    ("z", "expected"),
    [
        ("max", lambda a: a.max(1)),
        ("mean", lambda a: np.rint(a.mean(1))),
        (2, lambda a: a[:, 2]),
    ],
)
def test_z_is_projected_or_picked_as_told(z, expected):
    array = stack(4, 3, 8, 9)
    found = movie_from_array(array, "TZYX", z=z)
    np.testing.assert_array_equal(found.raw(0, 4)[:, 0], expected(array))


def test_a_slice_that_is_not_there_is_refused():
    with pytest.raises(MovieError, match="from 0 to 2"):
        movie_from_array(stack(4, 3, 8, 9), "TZYX", z=3)


@pytest.mark.parametrize("make", [ome, imagej])
def test_slices_are_not_taken_for_time(tmp_path, make):
    with pytest.raises(MovieError, match=r"no time axis.*ZYX.*--axes TYX"):
        read_movie(make(tmp_path, "ZYX"))


def test_channels_are_not_taken_for_time(tmp_path):
    with pytest.raises(MovieError, match=r"no time axis.*C .channels.*--axes TYX"):
        read_movie(imagej(tmp_path, "CYX"))


def test_axes_that_the_user_names_override_the_file(tmp_path):
    assert read_movie(imagej(tmp_path, "ZYX"), axes="TYX").shape == (4, 1, 16, 20)


def test_all_five_axes_may_be_named_where_two_of_them_have_one_plane(tmp_path):
    path = imagej(tmp_path, "ZYX")  # in the file: one frame, four slices, one channel
    assert read_movie(path, axes="ZTCYX").shape == (4, 1, 16, 20)


def test_two_axes_without_names_are_refused(tmp_path):
    with pytest.raises(MovieError, match=r"4x5x16x20.*--axes"):
        read_movie(tiff(tmp_path / "m.tif", stack(4, 5, 16, 20)))


def test_one_picture_is_no_movie(tmp_path):
    with pytest.raises(MovieError, match="no time axis"):
        read_movie(tiff(tmp_path / "m.tif", stack(16, 20)))


@pytest.mark.parametrize("axes", ["TYX", "TTYX", "TWYX", "CZYX", "TCZX"])
def test_axes_that_do_not_fit_are_refused(axes):
    with pytest.raises(MovieError, match="axes"):
        movie_from_array(stack(4, 2, 8, 9), axes)


def test_one_channel_is_kept_by_number():
    array = stack(4, 2, 8, 9)
    found = movie_from_array(array, "TCYX", channel=1, channels=("a", "b"))
    np.testing.assert_array_equal(found.raw(0, 4), array[:, 1:2])
    assert found.channels == ("b",)


def test_a_channel_that_is_not_there_is_refused():
    with pytest.raises(MovieError, match=r"2 channel.*channel 2 is not there"):
        movie_from_array(stack(4, 2, 8, 9), "TCYX", channel=2)


# OME-Zarr


def zarr_image(path, version, array, axes, scale):
    """An OME-Zarr image with units in microns and minutes."""
    units = {"t": "minute", "y": "micrometer", "x": "micrometer"}
    types = {"t": "time", "c": "channel"}
    entries = [
        {"name": a, "type": types.get(a, "space")}
        | ({"unit": units[a]} if a in units else {})
        for a in axes
    ]
    level = {
        "path": "0",
        "coordinateTransformations": [{"type": "scale", "scale": scale}],
    }
    image = {
        "version": version,
        "multiscales": [{"axes": entries, "datasets": [level]}],
    }
    new = version == "0.5"
    group = zarr.open_group(str(path), mode="w", zarr_format=3 if new else 2)
    group.create_array("0", data=array, chunks=(1, *array.shape[1:]))
    group.attrs.update({"ome": image} if new else image)
    return path


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr_of_both_versions_is_read(tmp_path, version):
    array = stack(4, 2, 16, 20)
    path = zarr_image(tmp_path / "m.zarr", version, array, "tcyx", [2, 1, 0.5, 0.25])
    found = read_movie(path)
    assert (found.interval, found.pixel_size) == (120.0, (0.5, 0.25))
    np.testing.assert_array_equal(found.raw(0, 4), array)


def test_ome_zarr_without_time_is_refused(tmp_path):
    path = zarr_image(tmp_path / "m.zarr", "0.5", stack(4, 16, 20), "zyx", [1, 1, 1])
    with pytest.raises(MovieError, match="no time axis"):
        read_movie(path)


def test_a_zarr_without_an_image_is_refused(tmp_path):
    zarr.open_group(str(tmp_path / "m.zarr"), mode="w")
    with pytest.raises(MovieError, match="without an OME-Zarr image"):
        read_movie(tmp_path / "m.zarr")


# .npy


def test_a_plain_npy_of_three_axes_is_a_movie(tmp_path):
    np.save(tmp_path / "m.npy", stack(4, 16, 20))
    assert read_movie(tmp_path / "m.npy").shape == (4, 1, 16, 20)


def test_an_npy_with_a_doubtful_axis_is_refused(tmp_path):
    np.save(tmp_path / "m.npy", stack(4, 12, 16, 20))
    with pytest.raises(MovieError, match="--axes"):
        read_movie(tmp_path / "m.npy")


def test_an_npy_with_python_objects_is_refused(tmp_path):
    np.save(tmp_path / "m.npy", np.array([{}, {}, {}]), allow_pickle=True)
    with pytest.raises(MovieError):
        read_movie(tmp_path / "m.npy")


# Folders of frames


def folder(path, count=12, ending=".tif", shape=(16, 20)):
    import imageio.v3 as imageio

    path.mkdir(exist_ok=True)
    for i in range(1, count + 1):
        picture = np.full(shape, i, "uint8")
        if ending == ".tif":
            tifffile.imwrite(path / f"frame{i}.tif", picture)
        else:
            imageio.imwrite(path / f"frame{i}{ending}", picture)
    return path


@pytest.mark.parametrize("ending", [".tif", ".png"])
def test_frames_in_a_folder_come_in_the_order_people_count(tmp_path, ending):
    frames = pixels(folder(tmp_path / "f", ending=ending))
    assert list(frames[:, 0, 0, 0]) == list(range(1, 13))


def test_colour_pictures_in_a_folder_are_colour_frames(tmp_path):
    found = read_movie(folder(tmp_path / "f", ending=".png", shape=(16, 20, 3)))
    assert found.rgb
    assert found.raw(3, 4).max() == 4


def test_frames_of_different_shapes_are_refused(tmp_path):
    folder(tmp_path / "f")
    tifffile.imwrite(tmp_path / "f" / "frame7.tif", np.zeros((16, 21), "uint8"))
    with pytest.raises(MovieError, match=r"16x20 but frame7\.tif is 16x21"):
        read_movie(tmp_path / "f")


def test_frames_of_different_types_are_refused(tmp_path):
    folder(tmp_path / "f")
    tifffile.imwrite(tmp_path / "f" / "frame7.tif", np.zeros((16, 20), "uint16"))
    with pytest.raises(MovieError, match=r"frame7\.tif is uint16"):
        read_movie(tmp_path / "f")


def test_a_folder_without_frames_is_refused(tmp_path):
    with pytest.raises(MovieError, match="holds no frames"):
        read_movie(tmp_path)


# What cannot be read


def test_a_path_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(MovieError, match="does not exist"):
        read_movie(tmp_path / "nothing.tif")


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "m.tif").touch()
    with pytest.raises(MovieError, match="is empty"):
        read_movie(tmp_path / "m.tif")


def test_a_file_that_is_no_image_is_refused(tmp_path):
    (tmp_path / "m.tif").write_text("Dear Sir or Madam")
    with pytest.raises(MovieError, match="none of the formats"):
        read_movie(tmp_path / "m.tif")


def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    path = imagej(tmp_path)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(MovieError, match="may not be read"):
        read_movie(path)


def ome_set(folder):
    """Two OME-TIFF files of one movie, with a description of both in each."""
    head = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
    head += '<Image ID="Image:0">'
    sizes = 'SizeX="20" SizeY="16" SizeC="1" SizeZ="1" SizeT="2"'
    xml = f'{head}<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" {sizes}>'
    for t in (0, 1):
        uuid = f'<UUID FileName="part{t}.ome.tif">urn:uuid:{t}</UUID>'
        xml += f'<TiffData FirstT="{t}" IFD="0" PlaneCount="1">{uuid}</TiffData>'
    xml += "</Pixels></Image></OME>"
    for t in (0, 1):
        mine = xml.replace("<OME ", f'<OME UUID="urn:uuid:{t}" ')
        options = {"description": mine, "metadata": None}
        tifffile.imwrite(folder / f"part{t}.ome.tif", stack(16, 20, seed=t), **options)
    return folder / "part0.ome.tif"


def test_a_set_of_ome_tiff_files_is_one_movie(tmp_path):
    frames = pixels(ome_set(tmp_path))
    np.testing.assert_array_equal(frames[1, 0], stack(16, 20, seed=1))


def test_a_set_with_a_missing_file_is_refused(tmp_path):
    path = ome_set(tmp_path)
    (tmp_path / "part1.ome.tif").unlink()
    with pytest.raises(MovieError, match=r"part1\.ome\.tif is not beside it"):
        read_movie(path)


def test_a_renamed_ome_tiff_still_opens(tmp_path):
    path = ome(tmp_path)
    old = '<UUID FileName="old.ome.tif">urn:uuid:1</UUID></TiffData>'
    xml = tifffile.tiffcomment(path).replace(
        'PlaneCount="4"/>', f'PlaneCount="4">{old}'
    )
    tifffile.tiffcomment(path, xml.encode())
    np.testing.assert_array_equal(pixels(path)[:, 0], stack(4, 16, 20))


def test_a_file_that_is_described_elsewhere_says_where(tmp_path):
    path = ome(tmp_path)
    head = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
    xml = f'{head}<BinaryOnly MetadataFile="main.ome" UUID="urn:uuid:1"/></OME>'
    tifffile.tiffcomment(path, xml.encode())
    with pytest.raises(MovieError, match=r"described by main\.ome"):
        read_movie(path)


def test_an_imagej_file_that_describes_only_its_first_picture_is_read(tmp_path):
    path = imagej(tmp_path, truncate=True)
    with tifffile.TiffFile(path) as tif:
        assert len(tif.pages) == 1
    np.testing.assert_array_equal(pixels(path)[:, 0], stack(4, 16, 20))


def test_a_pyramid_is_read_at_its_full_size(tmp_path):
    with tifffile.TiffWriter(tmp_path / "p.ome.tif") as writer:
        writer.write(
            stack(5, 64, 64), subifds=1, tile=(16, 16), metadata={"axes": "TYX"}
        )
        writer.write(stack(5, 32, 32), subfiletype=1, tile=(16, 16))
    assert pixels(tmp_path / "p.ome.tif").shape == (5, 1, 64, 64)


# Lazy


class Counting:
    """An array that counts the frames which are read from it."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.read = (
            array,
            array.shape,
            array.dtype,
            0,
        )

    def __getitem__(self, key):
        self.read += len(range(self.shape[0])[key[0]])
        return self.array[key]


def test_opening_reads_no_frame():
    source = Counting(stack(9, 3, 8, 9))
    found = movie_from_array(source, "TZYX", z=1)
    assert source.read == 0
    found.raw(2, 4)
    assert source.read == 2


def test_an_array_in_memory_is_not_copied():
    array = stack(4, 8, 9)
    assert np.shares_memory(movie_from_array(array, "TYX").raw(0, 4), array)


def test_a_dask_array_is_a_movie():
    dask = pytest.importorskip("dask.array")
    array = stack(4, 8, 9)
    found = movie_from_array(dask.from_array(array, chunks=(1, 8, 9)), "TYX")
    np.testing.assert_array_equal(found.raw(1, 3)[:, 0], array[1:3])


@pytest.mark.parametrize("key", [0, -1, slice(1, 3), slice(None, None, 2), (2, 0)])
def test_frames_slice_like_an_array(tmp_path, key):
    frames = read_movie(ome(tmp_path)).frames
    np.testing.assert_array_equal(frames[key], stack(4, 16, 20)[:, None][key])


def test_many_threads_read_the_right_frames(tmp_path):
    path = tiff(tmp_path / "m.tif", stack(8, 64, 64), "TYX", compression="zlib")
    found, wrong = read_movie(path), []

    def look(t):
        for _ in range(20):
            if not np.array_equal(found.raw(t, t + 1)[0, 0], stack(8, 64, 64)[t]):
                wrong.append(t)

    threads = [threading.Thread(target=look, args=(t,)) for t in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
