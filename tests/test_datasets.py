"""Data sets: downloads from a local server that fails in every way, the digits, and held-out images."""

import base64
import gzip
import hashlib
import io
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import numpy as np
import pooch
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from noisy_mnist.core.errors import UserError
from noisy_mnist.data.splits import Split
from noisy_mnist.datasets import download, idx
from noisy_mnist.datasets.download import FILES, GZIP, IMAGES, LABELS, Source
from noisy_mnist.datasets.params import MIRROR_VARIABLE

# Random bytes: several chunks of a download, none of them text, that begin as the real files do.
BODIES = {name: GZIP + np.random.default_rng(index).bytes(5000) for index, name in enumerate(FILES)}
DIGESTS = {name: f"sha256:{hashlib.sha256(body).hexdigest()}" for name, body in BODIES.items()}
HTML = b"<html><body>Sign in to this network</body></html>"
TIMEOUT = 1.0

Answer = Callable[["Handler", bytes], None]


class Handler(BaseHTTPRequestHandler):
    """Answers a request with the server's next answer, and records the path asked for."""

    server: "Mirror"

    def do_GET(self) -> None:
        """Answer one request."""
        self.server.requests.append(self.path)
        answers = self.server.answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        answer(self, BODIES[self.path.rsplit("/", 1)[1]])

    def send(self, status: int, body: bytes, length: int | None = None, encoding: str = "identity") -> None:
        """Send an answer; ``length`` replaces its true Content-Length."""
        self.send_response(status)
        self.send_header("Content-Encoding", encoding)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


class Mirror(ThreadingHTTPServer):
    """A server on this machine that gives its answers in turn, the last one again and again."""

    def __init__(self, answers: tuple[Answer, ...]) -> None:
        """Serve from a free port, in a thread."""
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = list(answers)
        self.requests: list[str] = []
        self.closing = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/data/"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        """Release stalled connections and stop."""
        self.closing.set()
        self.shutdown()
        self.server_close()


def good(handler: Handler, body: bytes) -> None:
    """Send the file."""
    handler.send(200, body)


def status(code: int, handler: Handler, _body: bytes) -> None:
    """Send an error page."""
    handler.send(code, HTML)


def page(handler: Handler, _body: bytes) -> None:
    """Send a page instead of the file, as a network with a sign-in page does."""
    handler.send(200, HTML)


def wrong(handler: Handler, body: bytes) -> None:
    """Send a file of the right length with one wrong byte."""
    handler.send(200, body[:-1] + bytes([body[-1] ^ 1]))


def nothing(handler: Handler, _body: bytes) -> None:
    """Send an empty file."""
    handler.send(200, b"")


def cut(handler: Handler, body: bytes) -> None:
    """Promise the whole file, send half, close the connection."""
    handler.send(200, body[: len(body) // 2], length=len(body))


def hang_up(handler: Handler, _body: bytes) -> None:
    """Close the connection without an answer."""
    handler.close_connection = True


def stall(handler: Handler, body: bytes) -> None:
    """Send half of the file, then nothing, with the connection open."""
    handler.send(200, body[: len(body) // 2], length=len(body))
    handler.server.closing.wait(30)


def silence(handler: Handler, _body: bytes) -> None:
    """Accept the connection and never answer."""
    handler.server.closing.wait(30)


FAULTS = [
    *(pytest.param(partial(status, code), id=str(code)) for code in (403, 404, 500, 503)),
    *(pytest.param(fault, id=fault.__name__) for fault in (page, wrong, nothing, cut, hang_up, stall, silence)),
]

Serve = Callable[..., Mirror]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Return a function that starts a mirror with the given answers; all are stopped at the end."""
    mirrors: list[Mirror] = []

    def start(*answers: Answer) -> Mirror:
        mirrors.append(Mirror(answers))
        return mirrors[-1]

    yield start
    for mirror in mirrors:
        mirror.close()


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Ignore mirrors and proxies of the shell, and skip the pauses between attempts; return the pauses."""
    monkeypatch.delenv(MIRROR_VARIABLE, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    made: list[float] = []
    monkeypatch.setattr("pooch.core.time", SimpleNamespace(sleep=made.append))
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder for the files; it does not exist yet."""
    return tmp_path / "raw"


def source(*mirrors: Mirror) -> Source:
    """Return a data set whose files these mirrors hold."""
    return Source(tuple(mirror.url for mirror in mirrors), DIGESTS)


def content(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file in a folder, hidden ones too."""
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def test_fetches_the_four_files(serve: Serve, folder: Path, pauses: list[float]) -> None:
    mirror = serve(good)
    download.fetch(source(mirror), folder)
    assert content(folder) == BODIES
    assert mirror.requests == [f"/data/{name}" for name in FILES]
    assert not pauses


@pytest.mark.parametrize("fault", FAULTS)
def test_temporary_fault_is_retried(serve: Serve, folder: Path, fault: Answer, pauses: list[float]) -> None:
    download.fetch(source(serve(fault, good)), folder, TIMEOUT)
    assert content(folder) == BODIES
    assert len(pauses) == 1


@pytest.mark.parametrize("fault", FAULTS)
def test_next_mirror_is_used_when_the_first_fails(serve: Serve, folder: Path, fault: Answer) -> None:
    first, second = serve(fault), serve(good)
    one_file_left = {name: BODIES[name] for name in FILES[1:]}
    folder.mkdir()
    for name, body in one_file_left.items():
        (folder / name).write_bytes(body)
    download.fetch(source(first, second), folder, TIMEOUT)
    assert content(folder) == BODIES
    assert len(first.requests) == download.ATTEMPTS
    assert second.requests == [f"/data/{FILES[0]}"]


@pytest.mark.parametrize("fault", FAULTS)
def test_when_all_mirrors_fail_the_file_and_every_mirror_are_named(serve: Serve, folder: Path, fault: Answer) -> None:
    first, second = serve(fault), serve(partial(status, 404))
    with pytest.raises(UserError) as caught:
        download.fetch(source(first, second), folder, TIMEOUT)
    message = str(caught.value)
    for word in (FILES[0], first.url, second.url, MIRROR_VARIABLE, "404"):
        assert word in message
    assert content(folder) == {}


def test_pauses_between_attempts_grow(serve: Serve, folder: Path, pauses: list[float]) -> None:
    with pytest.raises(UserError):
        download.fetch(source(serve(partial(status, 503))), folder)
    assert len(pauses) == download.ATTEMPTS - 1
    assert pauses == sorted(set(pauses))
    assert pauses[0] > 0


def test_no_server_at_all(serve: Serve, folder: Path) -> None:
    mirror = serve(good)
    mirror.close()
    with pytest.raises(UserError, match=mirror.url):
        download.fetch(source(mirror), folder)
    assert content(folder) == {}


def test_correct_files_are_not_downloaded_again(serve: Serve, folder: Path) -> None:
    mirror = serve(good)
    download.fetch(source(mirror), folder)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    download.fetch(source(mirror), folder)
    assert len(mirror.requests) == len(FILES)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_wrong_file_is_replaced_and_its_other_link_left_alone(tmp_path: Path, serve: Serve, folder: Path) -> None:
    """The wrong file may be of another data set, and a link into DVC's cache."""
    mirror = serve(good)
    download.fetch(source(mirror), folder)
    (folder / FILES[2]).write_bytes(b"another data set")
    (tmp_path / "cached").hardlink_to(folder / FILES[2])
    download.fetch(source(mirror), folder)
    assert content(folder) == BODIES
    assert mirror.requests == [f"/data/{name}" for name in (*FILES, FILES[2])]
    assert (tmp_path / "cached").read_bytes() == b"another data set"


def test_leftovers_of_a_killed_download_are_deleted_and_a_users_file_is_named(serve: Serve, folder: Path) -> None:
    """DVC would cache both with the folder, but not what ``.dvcignore`` names."""
    stored(folder)
    for name in ("tmp3x_9abcd", f".{FILES[0]}.partial", ".DS_Store"):
        (folder / name).write_text("x")
    download.fetch(source(serve(good)), folder)
    assert content(folder).keys() == {*FILES, ".DS_Store"}
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"notes\.txt is no file of the data set: move it"):
        download.fetch(source(serve(good)), folder)
    assert (folder / "notes.txt").read_text() == "mine"


def test_wrong_file_and_no_mirror_is_an_error(serve: Serve, folder: Path) -> None:
    folder.mkdir()
    (folder / FILES[0]).write_bytes(b"another data set")
    with pytest.raises(UserError, match=FILES[0]):
        download.fetch(source(serve(cut)), folder)
    assert set(content(folder)) <= {FILES[0]}


def test_after_a_killed_download_the_next_leaves_only_the_files(serve: Serve, folder: Path) -> None:
    mirror = serve(stall, good)
    script = f"""
        from pathlib import Path
        from noisy_mnist.datasets import download
        download.fetch(download.Source(({mirror.url!r},), {DIGESTS!r}), Path({str(folder)!r}))
    """
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", textwrap.dedent(script)]
    with subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not (folder.exists() and any(content(folder).values())):
            time.sleep(0.01)
        process.kill()
    assert len(mirror.requests) == 1
    assert FILES[0] not in content(folder)
    download.fetch(source(mirror), folder)
    assert content(folder) == BODIES


def stored(folder: Path) -> Path:
    """Write the right files to a new folder and return it."""
    folder.mkdir(parents=True)
    for name, body in BODIES.items():
        (folder / name).write_bytes(body)
    return folder


def test_a_page_instead_of_the_file_is_named(serve: Serve, folder: Path) -> None:
    with pytest.raises(UserError, match=r"begins with b'<html><body>Sign in.*the sign-in page of a network"):
        download.fetch(source(serve(page)), folder)


def test_a_file_is_not_unpacked_on_the_way(serve: Serve, folder: Path, pauses: list[float]) -> None:
    """A server may declare the file's own compression as that of the transfer, which a client then undoes."""
    packed = {name: gzip.compress(body, mtime=0) for name, body in BODIES.items()}

    def labelled(handler: Handler, body: bytes) -> None:
        assert handler.headers["Accept-Encoding"] == "identity"
        handler.send(200, gzip.compress(body, mtime=0), encoding="gzip")

    mirror = serve(labelled)
    digests = {name: f"sha256:{hashlib.sha256(body).hexdigest()}" for name, body in packed.items()}
    download.fetch(Source((mirror.url,), digests), folder)
    assert content(folder) == packed
    assert not pauses


def test_a_password_in_a_url_is_used_and_not_shown(
    serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def private(handler: Handler, body: bytes) -> None:
        known = handler.headers["Authorization"] == "Basic " + base64.b64encode(b"me:s@cret").decode()
        handler.send(200 if known and handler.path.endswith(FILES[0]) else 403, body)

    mirror, pooch_says = serve(private), io.StringIO()
    monkeypatch.setattr(pooch.get_logger().handlers[0], "stream", pooch_says)
    monkeypatch.setenv(MIRROR_VARIABLE, mirror.url.replace("//", "//me:s%40cret@"))
    with pytest.raises(UserError, match=f"get {FILES[1]} from any mirror") as caught:
        download.fetch(source(serve(partial(status, 404))), folder)
    assert content(folder) == {FILES[0]: BODIES[FILES[0]]}
    said = capsys.readouterr().err + pooch_says.getvalue() + str(caught.value)
    assert mirror.url in said
    assert "cret" not in said


def test_own_mirror_by_url_comes_first(serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, other = serve(good), serve(good)
    monkeypatch.setenv(MIRROR_VARIABLE, own.url.rstrip("/"))
    download.fetch(source(other), folder)
    assert content(folder) == BODIES
    assert own.requests == [f"/data/{name}" for name in FILES]
    assert not other.requests


@pytest.mark.parametrize("name", ["plain", "with a space", "100%", "50%20off", "é"])
@pytest.mark.parametrize("form", ["folder", "folder/", "file URL", "file URL/"])
def test_own_mirror_by_folder_comes_first(
    tmp_path: Path, serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, form: str
) -> None:
    mirror = stored(tmp_path / name)
    text = f"file://{quote(str(mirror))}" if form.startswith("file") else str(mirror)
    monkeypatch.setenv(MIRROR_VARIABLE, text + "/" * form.endswith("/"))
    other = serve(good)
    download.fetch(source(other), folder)
    assert content(folder) == BODIES
    assert not other.requests
    assert content(mirror) == BODIES


@pytest.mark.parametrize("own", ["mirror", "~/mirror", "~/mirror/\n"])
def test_own_mirror_in_the_working_or_the_home_folder(
    tmp_path: Path, serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch, own: str
) -> None:
    stored(tmp_path / "mirror")
    if own.startswith("~"):
        monkeypatch.setenv("HOME", str(tmp_path))
    else:
        monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(MIRROR_VARIABLE, own)
    other = serve(good)
    download.fetch(source(other), folder)
    assert content(folder) == BODIES
    assert not other.requests


@pytest.mark.parametrize("own", ["", " "])
def test_an_empty_own_mirror_is_ignored(
    serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], own: str
) -> None:
    monkeypatch.setenv(MIRROR_VARIABLE, own)
    download.fetch(source(serve(good)), folder)
    assert content(folder) == BODIES
    assert MIRROR_VARIABLE not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("own", "why"),
    [
        ("/nowhere/mirror", f"expected {FILES[0]} in /nowhere/mirror, found no such folder"),
        ("file:///nowhere/mirror", f"expected {FILES[0]} in /nowhere/mirror, found no such folder"),
        ("~nobody-of-this-name/mirror", "found no such folder"),
        ("localhost:8000/mirror", "localhost:8000/mirror, found no such folder"),
        ("ftp://x", "expected a URL with http, https or file, found ftp"),
        ("http://[", "http://["),
        ("http://", "http://"),
    ],
)
def test_other_mirrors_are_used_when_the_own_one_fails_and_the_reason_is_shown(
    serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], own: str, why: str
) -> None:
    other = serve(good)
    monkeypatch.setenv(MIRROR_VARIABLE, own)
    download.fetch(source(other), folder)
    assert content(folder) == BODIES
    told = capsys.readouterr().err
    for words in (why, f"trying {other.url}", f"{MIRROR_VARIABLE} is {own}, which did not give {', '.join(FILES)}"):
        assert words in told
    assert told.rstrip().endswith(f"Expected a URL or a folder that holds {', '.join(FILES)}")


def test_own_mirror_with_renamed_and_unpacked_files_is_reported(
    tmp_path: Path, serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mirror, other = stored(tmp_path / "mirror"), serve(good)
    (mirror / FILES[0]).rename(mirror / "train-images.idx3-ubyte")
    (mirror / FILES[1]).write_bytes(bytes([0, 0, 8, 1]))  # as an IDX file begins
    (mirror / FILES[3]).write_bytes(GZIP + b"another data set")
    monkeypatch.setenv(MIRROR_VARIABLE, str(mirror))
    download.fetch(source(other), folder)
    assert content(folder) == BODIES
    assert other.requests == [f"/data/{FILES[index]}" for index in (0, 1, 3)]
    told = capsys.readouterr().err
    assert f"{MIRROR_VARIABLE} is {mirror}, which did not give {FILES[0]}, {FILES[1]}, {FILES[3]}:" in told
    for words in ("train-images.idx3-ubyte", r"begins with b'\x00\x00\x08\x01': an unpacked file", "does not match"):
        assert words in told


def test_own_mirror_with_a_wrong_file_is_named(
    tmp_path: Path, serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = stored(tmp_path / "mirror")
    (mirror / FILES[1]).write_bytes(HTML)
    monkeypatch.setenv(MIRROR_VARIABLE, str(mirror))
    with pytest.raises(UserError) as caught:
        download.fetch(source(serve(partial(status, 503))), folder)
    assert FILES[1] in str(caught.value)
    assert str(mirror) in str(caught.value)
    assert content(folder) == {FILES[0]: BODIES[FILES[0]]}


def test_sources_name_a_digest_for_every_file() -> None:
    for published in download.SOURCES.values():
        assert tuple(published.digests) == FILES
        lengths = {"sha256": 64, "md5": 32}
        for digest in published.digests.values():
            algorithm, value = digest.split(":")
            assert len(bytes.fromhex(value)) * 2 == lengths[algorithm]
        assert len(published.mirrors) > 1
        assert published.mirrors[0].startswith("https://")


def test_real_mnist(folder: Path, monkeypatch: pytest.MonkeyPatch, real_mirror: str) -> None:
    monkeypatch.setenv(MIRROR_VARIABLE, real_mirror)
    download.fetch(download.SOURCES["mnist"], folder)
    train, test = (download.read(folder, split) for split in ("train", "test"))
    assert (train.images.shape, test.images.shape) == ((60000, 28, 28), (10000, 28, 28))
    assert np.bincount(train.labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert train.images.mean() / 255 == pytest.approx(0.1307, abs=5e-5)  # as published for normalizing MNIST
    assert train.images.std() / 255 == pytest.approx(0.3081, abs=5e-5)


@pytest.fixture(scope="module")
def real_mirror() -> str:
    """Return a folder on this machine that holds MNIST, or skip the test."""
    folder = os.environ.get(MIRROR_VARIABLE, "")
    if not folder or not all((Path(folder) / name).is_file() for name in FILES):
        pytest.skip(f"{MIRROR_VARIABLE} is not a folder that holds MNIST")
    return str(Path(folder).resolve())


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that holds the digits as IDX files."""
    folder = tmp_path_factory.mktemp("digits")
    download.write_digits(folder)
    return folder


def test_digits_hold_every_image_of_scikit_learn_once(digits: Path) -> None:
    assert sorted(path.name for path in digits.iterdir()) == sorted(FILES)
    train, test = (download.read(digits, split) for split in ("train", "test"))
    assert len(test.images) == download.DIGITS_TEST
    images = np.concatenate([train.images, test.images])
    labels = np.concatenate([train.labels, test.labels])
    assert images.shape == (1797, 28, 28)

    bunch = load_digits()
    small = np.rint(images[:, 3:26:3, 3:26:3] / 255 * 16)  # the middle of each block of 3×3 pixels
    found = np.column_stack([small.reshape(-1, 64), labels])
    expected = np.column_stack([bunch.data, bunch.target])
    np.testing.assert_array_equal(sorted(map(tuple, found)), sorted(map(tuple, expected)))


def test_digits_are_enlarged_pixel_by_pixel_with_a_black_margin(digits: Path) -> None:
    images = download.read(digits, "train").images
    inside = images[:, 2:26, 2:26].reshape(-1, 8, 3, 8, 3)
    assert (inside == inside[:, :, :1, :, :1]).all()
    assert images.sum(dtype=np.int64) == inside.sum(dtype=np.int64)
    assert (images.min(), images.max()) == (0, 255)


def test_digits_test_images_are_stratified(digits: Path) -> None:
    train, test = (np.bincount(download.read(digits, split).labels) for split in ("train", "test"))
    assert (np.abs(test - (train + test) * download.DIGITS_TEST / 1797) <= 1).all()


def test_digits_are_the_same_bytes_every_time(digits: Path, tmp_path: Path) -> None:
    stored(tmp_path / "again")  # files that are there already
    download.write_digits(tmp_path / "again")
    assert content(tmp_path / "again") == content(digits)


def pair(folder: Path, images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Path:
    """Write images and labels as the training split and return the folder."""
    idx.write(folder / IMAGES["train"], images)
    idx.write(folder / LABELS["train"], labels)
    return folder


def test_reads_images_with_their_labels(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (10, 28, 28), dtype=np.uint8)
    labels = np.arange(10, dtype=np.uint8)
    split = download.read(pair(tmp_path, images, labels), "train")
    np.testing.assert_array_equal(split.images, images, strict=True)
    np.testing.assert_array_equal(split.labels, labels, strict=True)


@pytest.mark.parametrize(
    ("shape", "labels", "words"),
    [
        ((3, 28, 28), [0, 1], ("3", "2", "train")),
        ((2, 28, 28), [0, 1, 2], ("2", "3", "train")),
        ((2, 28, 28), [0, 10], ("10", LABELS["train"])),
        ((2, 28, 28), [255, 0], ("255", LABELS["train"])),
        ((2, 8, 8), [0, 1], ("28×28", "(8, 8)", IMAGES["train"])),
        ((2, 28, 27), [0, 1], ("28×28", "(28, 27)", IMAGES["train"])),
    ],
)
def test_files_that_do_not_make_a_split_are_refused(
    tmp_path: Path, shape: tuple[int, ...], labels: list[int], words: tuple[str, ...]
) -> None:
    pair(tmp_path, np.zeros(shape, np.uint8), np.array(labels, np.uint8))
    with pytest.raises(UserError) as caught:
        download.read(tmp_path, "train")
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("missing", [IMAGES["test"], LABELS["test"]])
def test_missing_file_is_named(tmp_path: Path, digits: Path, missing: str) -> None:
    for name in set(FILES) - {missing}:
        (tmp_path / name).symlink_to(digits / name)
    with pytest.raises(UserError, match=missing):
        download.read(tmp_path, "test")


def numbered(counts: list[int]) -> Split:
    """Return a shuffled split with ``counts`` images of each class; each image carries its own number."""
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts)).astype(np.uint8)
    images = np.zeros((len(labels), 28, 28), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = np.divmod(np.arange(len(labels)), 256)
    return Split(images, labels)


def numbers(split: Split) -> list[int]:
    """Return the numbers that the images carry, in order."""
    return (split.images[:, 0, 0].astype(int) * 256 + split.images[:, 0, 1]).tolist()


@pytest.mark.parametrize("share", [0.05, 0.1, 1 / 3, 0.5, 0.9])
@pytest.mark.parametrize("counts", [[100] * 10, [20, 400, 33, 57, 100, 21, 99, 250, 40, 80]], ids=["even", "uneven"])
def test_held_out_images_are_a_stratified_part(counts: list[int], share: float) -> None:
    whole = numbered(counts)
    parts = download.hold_out(whole, share, seed=0)
    positions = [numbers(part) for part in parts]
    assert sorted(positions[0] + positions[1]) == list(range(sum(counts)))  # disjoint and complete
    for part, chosen in zip(parts, positions, strict=True):
        np.testing.assert_array_equal(part.images, whole.images[chosen], strict=True)
        np.testing.assert_array_equal(part.labels, whole.labels[chosen], strict=True)
    held = np.bincount(parts[1].labels, minlength=10)
    assert abs(held.sum() - share * sum(counts)) < 1
    assert (np.abs(held - held.sum() * np.array(counts) / sum(counts)) <= 1).all()


def test_the_seed_decides_which_images_are_held_out() -> None:
    whole = numbered([50] * 10)
    first = [numbers(part) for part in download.hold_out(whole, 0.2, seed=0)]
    assert first == [numbers(part) for part in download.hold_out(whole, 0.2, seed=0)]
    assert set(first[1]) != set(numbers(download.hold_out(whole, 0.2, seed=1)[1]))
    download.hold_out(whole, 0.2, seed=2**32 - 1)


@pytest.mark.parametrize(
    ("counts", "share"),
    [
        ([50] * 10, 0.001),  # fewer images than classes
        ([50] * 10, 0.999),
        ([50] * 10, 1e-9),
        ([50] * 10, 1 - 1e-12),
        ([1, 50, 50], 0.5),  # one image cannot be on both sides
        ([2, 500], 0.1),  # in proportion, a class gets none
        ([2, 500], 0.9),
        ([], 0.1),
    ],
)
def test_a_share_that_leaves_a_class_empty_is_refused(counts: list[int], share: float) -> None:
    with pytest.raises(UserError, match=r"split\.validation") as caught:
        download.hold_out(numbered(counts), share, seed=0)
    assert str(share) in str(caught.value)
    assert str(sum(counts)) in str(caught.value)
