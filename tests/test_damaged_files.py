"""Damaged files are read or refused with a sentence: no crash, no hang, no balloon."""

import json
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
import tifffile

from napari_morphocast.data.io import read_movie
from napari_morphocast.errors import MovieError

SLACK = 3 * 2**20  # bytes that any read may take, whatever the size of the file


def pixels(dtype="uint16"):
    rng = np.random.default_rng(3)
    return rng.integers(0, 200, (6, 48, 64)).cumsum(axis=2).astype(dtype)


def ome(path):
    tifffile.imwrite(path, pixels(), ome=True, metadata={"axes": "TYX"})


def imagej(path):
    tifffile.imwrite(path, pixels(), imagej=True, metadata={"axes": "TYX"})


def tiled(path):
    options = {"compression": "zlib", "predictor": False, "tile": (16, 32)}
    tifffile.imwrite(path, pixels(), metadata={"axes": "TYX"}, **options)


def striped(path):
    options = {"compression": "zlib", "rowsperstrip": 48, "ome": True}
    tifffile.imwrite(path, pixels(), metadata={"axes": "TYX"}, **options)


KINDS = {"ome": ome, "imagej": imagej, "tiled": tiled, "striped": striped}


def variants(data, count, seed):
    """Cut the file short, flip bits, or overwrite a stretch of it."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        broken = bytearray(data)
        if number % 4 == 0:
            del broken[int(rng.integers(0, len(data))) :]
        elif number % 4 == 1:
            at = int(rng.integers(0, len(data) - 8))
            broken[at : at + 8] = rng.integers(0, 256, 8, np.uint8).tobytes()
        else:
            # the first and last kilobytes are where the headers are
            ends = np.r_[0:1024, len(data) - 2048 : len(data)]
            for at in rng.choice(ends, int(rng.integers(1, 5))):
                broken[at] ^= 1 << int(rng.integers(0, 8))
        yield bytes(broken)


def outcome(path):
    """Open and read all frames: True if that worked, False if it was refused."""
    try:
        movie = read_movie(path)
        for t in range(min(len(movie), 50)):
            movie.raw(t, t + 1)
    except MovieError as error:
        return refused(str(error))
    return True


def refused(message):
    """False; fails unless the refusal is a line that a person can read."""
    assert 20 < len(message) < 400
    assert "\n" not in message
    return False


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_tiff_is_read_or_refused_with_a_sentence(tmp_path, kind):
    path = tmp_path / "movie.tif"
    KINDS[kind](path)
    data = path.read_bytes()
    assert outcome(path)
    results, worst = [], 0
    for broken in variants(data, 150, seed=len(kind)):
        path.write_bytes(broken)
        tracemalloc.start()
        results.append(outcome(path))
        worst = max(worst, tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert worst < 4 * (len(data) + pixels().nbytes) + SLACK
    assert False in results


@pytest.mark.parametrize("kind", KINDS)
def test_every_tiff_that_is_cut_short_is_refused(tmp_path, kind):
    path = tmp_path / "movie.tif"
    KINDS[kind](path)
    data = path.read_bytes()
    for end in np.linspace(0, len(data) - 700, 25).astype(int):
        path.write_bytes(data[:end])
        assert not outcome(path)


def test_pages_that_go_round_in_circles_are_refused(tmp_path):
    path = tmp_path / "circle.tif"
    tifffile.imwrite(path, pixels(), compression="zlib")
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tif:
        last = tif.pages[5]
        first = tif.pages[0].offset
    tags = struct.unpack_from("<H", data, last.offset)[0]
    struct.pack_into("<I", data, last.offset + 2 + 12 * tags, first)
    path.write_bytes(data)
    with pytest.raises(MovieError, match="circles"):
        read_movie(path)


def test_a_strip_that_unpacks_to_gigabytes_is_refused_in_little_memory(tmp_path):
    path = tmp_path / "bomb.tif"
    bomb = zlib.compressobj()
    packed = b"".join(bomb.compress(bytes(2**20)) for _ in range(300)) + bomb.flush()
    tifffile.imwrite(
        path,
        iter([packed] * 2),
        shape=(2, 64, 64),
        dtype="uint8",
        compression="zlib",
        rowsperstrip=64,
        photometric="minisblack",
        metadata={"axes": "TYX"},
    )
    movie = read_movie(path)
    tracemalloc.start()
    with pytest.raises(MovieError, match="far more than its size"):
        movie.raw(0, 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * 2**20


@pytest.mark.parametrize("size", ["SizeX", "SizeT", "SizeZ"])
def test_an_ome_description_that_claims_too_much_is_refused(tmp_path, size):
    path = tmp_path / "movie.ome.tif"
    ome(path)
    text = tifffile.tiffcomment(path)
    old = text.split(f'{size}="')[1].split('"')[0]
    text = text.replace(f'{size}="{old}"', f'{size}="2000000000"')
    tifffile.tiffcomment(path, text.encode())
    tracemalloc.start()
    with pytest.raises(MovieError):
        read_movie(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < SLACK


def test_a_picture_that_claims_an_enormous_height_is_refused(tmp_path):
    path = tmp_path / "tall.tif"
    striped(path)
    with tifffile.TiffFile(path, mode="r+") as tif:
        for page in tif.pages:
            page.aspage().tags["ImageLength"].overwrite(2**30)
    assert not outcome(path)


def test_a_damaged_npy_is_read_or_refused_with_a_sentence(tmp_path):
    path = tmp_path / "movie.npy"
    np.save(path, pixels())
    data = path.read_bytes()
    for broken in variants(data, 60, seed=1):
        path.write_bytes(broken)
        outcome(path)
    path.write_bytes(data[: len(data) // 2])
    assert not outcome(path)


def test_a_damaged_ome_zarr_is_refused_with_a_sentence(tmp_path):
    import zarr

    group = zarr.open_group(str(tmp_path / "m.ome.zarr"), mode="w", zarr_format=3)
    group.create_array("0", data=pixels(), chunks=(1, 48, 64))
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"datasets": []}]}
    assert not outcome(tmp_path / "m.ome.zarr")
    header = tmp_path / "m.ome.zarr" / "zarr.json"
    header.write_text(json.dumps({"zarr_format": 3}))
    assert not outcome(tmp_path / "m.ome.zarr")


def test_a_damaged_chunk_is_refused_when_it_is_read(tmp_path):
    import zarr

    zarr.save_array(str(tmp_path / "m.zarr"), pixels())
    chunk = next(
        p for p in (tmp_path / "m.zarr").rglob("*") if p.is_file() and "c" in p.parts
    )
    chunk.write_bytes(b"nothing that can be unpacked")
    movie = read_movie(tmp_path / "m.zarr")
    with pytest.raises(MovieError, match="damaged"):
        movie.raw(0, 1)


def test_a_file_that_shrinks_while_open_is_refused_when_read(tmp_path):
    path = tmp_path / "movie.tif"
    imagej(path)
    movie = read_movie(path)
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(MovieError, match="cut short"):
        movie.raw(5, 6)


def test_a_file_that_is_gone_is_refused_when_read(tmp_path):
    path = tmp_path / "movie.tif"
    imagej(path)
    movie = read_movie(path)
    path.unlink()
    with pytest.raises(MovieError, match="not there"):
        movie.raw(0, 1)
