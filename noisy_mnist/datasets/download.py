"""The data sets: where their four IDX files come from, and how they are read."""

import errno
import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pooch
from numpy.typing import NDArray
from requests import Response
from requests.exceptions import RequestException
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from noisy_mnist.core import files
from noisy_mnist.core.errors import UserError
from noisy_mnist.data.splits import CLASSES, IMAGE_SHAPE, Split
from noisy_mnist.datasets import idx
from noisy_mnist.datasets.params import MIRROR_VARIABLE

IMAGES = {"train": "train-images-idx3-ubyte.gz", "test": "t10k-images-idx3-ubyte.gz"}
LABELS = {"train": "train-labels-idx1-ubyte.gz", "test": "t10k-labels-idx1-ubyte.gz"}
FILES = (IMAGES["train"], LABELS["train"], IMAGES["test"], LABELS["test"])

MIRROR_HOLDS = f"a URL or a folder that holds {', '.join(FILES)}"
GZIP = b"\x1f\x8b"  # the first bytes of all four files
ATTEMPTS = 3
# What a killed run leaves: pooch's name of a download, which Python's tempfile makes, and those of files.replacing.
PARTIAL = re.compile(r"tmp\w{8}|\..+\.(partial|former)")
# The size of the test split of `digits`, a fifth of its 1,797 images.
DIGITS_TEST = 360


@dataclass(frozen=True)
class Source:
    """Mirrors, tried in turn, and the digest of each file."""

    mirrors: tuple[str, ...]
    digests: Mapping[str, str]


def _digests(algorithm: str, *values: str) -> dict[str, str]:
    """Return the digests of FILES, in that order, as pooch writes them."""
    return {name: f"{algorithm}:{value}" for name, value in zip(FILES, values, strict=True)}


# SHA-256 for MNIST; for the other two data sets, MD5 as published by their authors.
SOURCES = {
    "mnist": Source(
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        _digests(
            "sha256",
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    ),
    "fashion_mnist": Source(
        (
            "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ),
        _digests(
            "md5",
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
    ),
    "kmnist": Source(
        (  # one server: no other is known to hold these files rather than an earlier version
            "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
            "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",  # for networks that break TLS; the digest decides
        ),
        _digests(
            "md5",
            "bdb82020997e1d708af4cf47b453dcf7",
            "e144d726b3acfaa3e44228e80efcd344",
            "5c965bf0a639b31b8f53240b1b52f4d7",
            "7320c461ea6c1c855c0b718fb2a4b134",
        ),
    ),
}


def fetch(source: Source, folder: Path, timeout: float = 30) -> None:
    """Download the four files of ``source`` to ``folder``; files already there with the right digest are kept.

    MNIST_MIRROR is tried first, then each mirror in turn, ATTEMPTS times with growing pauses. Before the next mirror is
    tried, stderr shows what went wrong. A download goes to a temporary name and is moved into place once its digest is
    right. timeout: seconds without a byte.
    Raises UserError if no mirror provides a file, naming what went wrong at each, and if the folder holds other files.
    """
    own = os.environ.get(MIRROR_VARIABLE, "").strip()
    mirrors = [own, *source.mirrors] if own else list(source.mirrors)
    for path in folder.iterdir() if folder.is_dir() else []:
        if PARTIAL.fullmatch(path.name):
            path.unlink()
        elif path.name not in FILES and not path.name.startswith("."):  # DVC would cache it with the folder
            raise UserError(f"{path} is no file of the data set: move it elsewhere, then run the same command again")
    elsewhere = []
    for name in FILES:
        problems: list[str] = []
        for mirror in mirrors:
            if problems:
                print(f"could not get {name} from\n{problems[-1]}\n  trying {mirror}", file=sys.stderr, flush=True)
            try:
                _fetch_one(mirror, name, source.digests[name], folder, timeout)
                break
            except (RequestException, OSError, ValueError) as error:
                if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EROFS):  # not the mirror's fault
                    why = f"{folder / name} could not be written ({error})"
                    raise UserError(f"{why}: fix that and run the same command again") from error
                problems.append(f"  {_without_password(mirror)}: {error}")
        else:
            raise UserError(
                f"could not get {name} from any mirror:\n" + "\n".join(problems) + "\n"
                f"Check the network, or set {MIRROR_VARIABLE} to {MIRROR_HOLDS}"
            )
        if problems:
            elsewhere.append(name)
    if own and elsewhere:
        found = f"warning: {MIRROR_VARIABLE} is {_without_password(own)}, which did not give {', '.join(elsewhere)}"
        print(f"{found}: used a public mirror instead. Expected {MIRROR_HOLDS}", file=sys.stderr, flush=True)


def _fetch_one(mirror: str, name: str, digest: str, folder: Path, timeout: float) -> None:
    """Fetch one file from one mirror. Raises whatever pooch, requests or the file system raises."""
    remote = mirror.lower().startswith(("http://", "https://"))

    def downloader(url: str, output_file: str, store: pooch.Pooch) -> None:
        if remote:
            _download(mirror, url, output_file, store, timeout)
        else:
            _copy(_local(mirror), name, Path(output_file))
        with Path(output_file).open("rb") as file:
            if not (start := file.read(40)).startswith(GZIP):
                what = "an unpacked file, or the sign-in page of a network"
                raise ValueError(f"expected a gzip file, found one that begins with {start!r}: {what}")
        Path(output_file).chmod(0o644)  # only its owner can read a temporary file

    attempts = ATTEMPTS if remote else 1
    base = _without_password(mirror).rstrip("/") + "/"
    store = pooch.create(path=folder, base_url=base, registry={name: digest}, retry_if_failed=attempts - 1)
    store.fetch(name, downloader=downloader)


def _download(mirror: str, url: str, target: str, store: pooch.Pooch, timeout: float) -> None:
    """Download a file undecoded: some servers declare the file's own compression as a content encoding."""

    def undecoded(response: Response, **_: object) -> None:
        response.raw.headers.pop("Content-Encoding", None)

    parts = urlsplit(mirror)
    auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    options = {"headers": {"Accept-Encoding": "identity"}, "hooks": {"response": undecoded}, "auth": auth}
    pooch.HTTPDownloader(progressbar=True, timeout=timeout, **options)(url, target, store)


def _local(mirror: str) -> Path:
    """Return the folder of a local mirror. Raises ValueError for a URL of any scheme but ``file``."""
    parts = urlsplit(mirror)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    if "://" in mirror:
        raise ValueError(f"expected a URL with http, https or file, found {parts.scheme}")
    return Path(os.path.expanduser(mirror)).absolute()  # noqa: PTH111 Path's raises RuntimeError for an unknown user


def _copy(folder: Path, name: str, target: Path) -> None:
    """Copy a file from a folder. Raises FileNotFoundError naming what is there instead."""
    try:
        shutil.copyfile(folder / name, target)
    except FileNotFoundError:
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else ["no such folder"]
        found = ", ".join(names[:5]) + " and more" * (len(names) > 5) or "nothing"
        raise FileNotFoundError(f"expected {name} in {folder}, found {found}") from None


def _without_password(mirror: str) -> str:
    """Return a URL without user name and password, which must not be logged."""
    return re.sub(r"(?<=://)[^/]*@", "", mirror)


def write_digits(folder: Path) -> None:
    """Write scikit-learn's ``digits`` (1,797 handwritten digits, 8×8, UCI) as the same four IDX files.

    Each pixel becomes 3×3, with a margin of 2 on every side; grey values 0 to 16 become 0 to 255. The test
    split is a stratified fifth, always the same.
    """
    digits = load_digits()
    small = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    large = np.pad(small.repeat(3, axis=1).repeat(3, axis=2), ((0, 0), (2, 2), (2, 2)))
    labels = digits.target.astype(np.uint8)
    parts = train_test_split(large, labels, test_size=DIGITS_TEST, stratify=labels, random_state=0)
    train_images, test_images, train_labels, test_labels = parts
    for name, array in zip(FILES, (train_images, train_labels, test_images, test_labels), strict=True):
        with files.replacing(folder / name) as path:
            idx.write(path, array)


def read(folder: Path, split: str) -> Split:
    """Return the ``train`` or ``test`` images (n, 28, 28) and labels (n,) of the IDX files in ``folder``.

    Raises UserError if a file is missing or damaged, or the two do not match.
    """
    images = idx.read(folder / IMAGES[split], dimensions=3)
    labels = idx.read(folder / LABELS[split], dimensions=1)
    if images.shape[1:] != IMAGE_SHAPE:
        raise UserError(f"{folder / IMAGES[split]}: expected images of 28×28, found {images.shape[1:]}")
    if len(images) != len(labels):
        raise UserError(f"{folder}: {len(images)} {split} images but {len(labels)} labels: delete both, download again")
    if len(labels) and labels.max() >= CLASSES:
        raise UserError(f"{folder / LABELS[split]}: expected labels from 0 to 9, found {labels.max()}")
    return Split(images, labels)


def hold_out(whole: Split, share: float, seed: int) -> tuple[Split, Split]:
    """Divide a split at random into (training, validation), with ``share`` of every class in validation.

    Raises UserError if a class would be left without training or validation images.
    """
    present = np.unique(whole.labels)
    expected = f"Expected at least one image of each of the {len(present)} classes on both sides"
    problem = f"params.yaml: split.validation: found {share} for {len(whole.labels)} images. {expected}"
    try:
        positions: tuple[NDArray[np.int64], NDArray[np.int64]] = tuple(
            train_test_split(np.arange(len(whole.labels)), test_size=share, stratify=whole.labels, random_state=seed)
        )
    except ValueError:
        raise UserError(problem) from None
    parts = [Split(whole.images[chosen], whole.labels[chosen]) for chosen in positions]
    if any(len(np.unique(part.labels)) < len(present) for part in parts):
        raise UserError(problem)
    return parts[0], parts[1]
