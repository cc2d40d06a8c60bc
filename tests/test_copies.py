"""Noisy copies of splits: whole or in blocks they are the same, and a file beside them says how they were drawn."""

import re
from pathlib import Path

import numpy as np
import pytest

from noisy_mnist.core.errors import UserError
from noisy_mnist.data import copies, noise
from noisy_mnist.data.noise import BLOCK
from noisy_mnist.data.params import NoiseParams
from noisy_mnist.data.splits import Split

N = 2 * BLOCK + 7
# The position of each split in the key of its random numbers: another position would change all noise.
POSITIONS = {"train": 0, "validation": 1, "test": 2}

every_clip = pytest.mark.parametrize("clip", [False, True])
every_kind = pytest.mark.parametrize("kind", noise.KINDS)


@pytest.fixture(scope="module")
def clean() -> Split:
    """Return N random grey images with labels."""
    rng = np.random.default_rng(0)
    return Split(rng.integers(0, 256, (N, 28, 28), dtype=np.uint8), (np.arange(N) % 10).astype(np.uint8))


@every_kind
@every_clip
@pytest.mark.parametrize("name", POSITIONS)
def test_whole_copy_is_its_blocks_in_order(clean: Split, name: str, kind: str, clip: bool) -> None:
    draw = NoiseParams(kind=kind, clip=clip, seed=3)
    whole = copies.noisy(clean, name, draw, 0.5)
    own = noise.blocks(clean.images, kind, 0.5, clip, 3, POSITIONS[name])
    for blocks in (copies.blocks(clean, name, draw, 0.5), own):
        np.testing.assert_array_equal(whole.images, np.concatenate(list(blocks)), strict=True)
    assert whole.images.dtype == noise.STORED
    np.testing.assert_array_equal(whole.labels, clean.labels, strict=True)


@every_kind
@every_clip
@pytest.mark.parametrize("n", [1, 4, 51, BLOCK, BLOCK + 1])
def test_first_images_alone_get_the_noise_they_have_in_the_split(clean: Split, n: int, kind: str, clip: bool) -> None:
    """The figures draw only a few images, but must show what the networks were tested on."""
    draw = NoiseParams(kind=kind, clip=clip, seed=3)
    for name in POSITIONS:
        first, whole = (copies.noisy(images, name, draw, 0.5) for images in (clean.first(n), clean))
        np.testing.assert_array_equal(first.images, whole.images[:n], strict=True)
        np.testing.assert_array_equal(first.labels, whole.labels[:n], strict=True)


@every_kind
def test_each_split_and_seed_has_noise_of_its_own(clean: Split, kind: str) -> None:
    drawn = [
        copies.noisy(clean, name, NoiseParams(kind=kind, clip=False, seed=seed), 1).images
        for name in POSITIONS
        for seed in (0, 1)
    ]
    for index, images in enumerate(drawn):
        for other in drawn[:index]:
            assert (images != other).mean() > 0.4


@every_kind
@every_clip
@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_how_noise_was_drawn_comes_back(tmp_path: Path, kind: str, clip: bool, seed: int) -> None:
    draw = NoiseParams(kind=kind, clip=clip, seed=seed)
    written = set()
    for scale in (1e-6, 0.5, 1):
        copies.save_draw(tmp_path, draw, scale)
        assert copies.load_draw(tmp_path) == draw
        written.add((tmp_path / copies.DRAW_FILE).read_bytes())
    assert len(written) == 1  # the scale is in the name of the folder


@every_kind
@every_clip
@pytest.mark.parametrize("seed", [0, 5])
def test_a_copy_at_scale_0_records_no_noise_params(tmp_path: Path, kind: str, clip: bool, seed: int) -> None:
    for scale in (0, 0.0, -0.0):
        copies.save_draw(tmp_path, NoiseParams(kind=kind, clip=clip, seed=seed), scale)
        assert [path.name for path in tmp_path.iterdir()] == ["noise.json"]
        assert (tmp_path / "noise.json").read_bytes() == b"null\n"
        assert copies.load_draw(tmp_path) is None


def test_missing_draw_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"^{re.escape(str(tmp_path))}/noise\.json not found: run .*'dvc repro'$"):
        copies.load_draw(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b'{"kind": "gaussian", "clip": fal', id="truncated"),
        pytest.param(b"nul", id="not null"),
        pytest.param(b'{"kind": "gaussian", "clip": false, "seed": 0}\xff', id="not UTF-8"),
        *(pytest.param(content, id=content.decode()) for content in (b"0", b"false", b'""', b"[]", b"{}", b"[null]")),
        pytest.param(b'{"kind": "gaussian", "clip": false}', id="no seed"),
        pytest.param(b'{"kind": "gausian", "clip": false, "seed": 0}', id="unknown kind"),
        pytest.param(b'{"kind": "gaussian", "clip": 0, "seed": 0}', id="clip is a number"),
        pytest.param(b'{"kind": "gaussian", "clip": false, "seed": -1}', id="negative seed"),
        pytest.param(b'{"kind": "gaussian", "clip": false, "seed": 0, "scale": 1}', id="unknown key"),
    ],
)
def test_damaged_draw_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "noise.json").write_bytes(content)
    named = re.escape(str(tmp_path / "noise.json"))
    with pytest.raises(UserError, match=rf"(?s)^{named} is damaged .*delete it and run 'dvc repro'$"):
        copies.load_draw(tmp_path)
