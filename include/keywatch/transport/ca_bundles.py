"""Files of certificate authorities: checked, and put together with the public ones."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import shutil
import ssl
import stat
import tempfile
from functools import lru_cache
from pathlib import Path

import certifi

from keywatch.errors import ConfigurationError


def check_bundle(bundle: str, source: str) -> None:
    """Refuse what is no file of certificates, and no folder of them.

    Args:
        bundle: Its path.
        source: Who names it, for the message.

    Raises:
        ConfigurationError: It is not there, or not PEM.
    """
    path = Path(bundle)
    if not (path.is_file() or path.is_dir()):
        raise ConfigurationError(f"The CA bundle {bundle} of {source} does not exist. Correct it there.")
    if path.is_file() and not _is_pem(bundle, path.stat().st_mtime_ns):
        raise ConfigurationError(f"The CA bundle {bundle} of {source} is not PEM. Correct it there.")


def with_public_roots(bundle: str) -> str:
    """Return the path of a file that holds the public certificate authorities and those of a file.

    Every SDK takes one file, which replaces what it trusts otherwise. This one is made anew when either part changes,
    in a folder that belongs to this user alone.

    Args:
        bundle: A PEM file that `check_bundle` has passed.

    Raises:
        ConfigurationError: It is a folder, or there is nowhere to write the file.
    """
    path = Path(bundle)
    if path.is_dir():
        raise ConfigurationError(f"extra_ca_bundle {bundle} is a folder. Name one PEM file.")
    data = _joined(bundle, path.stat().st_mtime_ns, certifi.where())
    try:
        combined = _own_folder() / f"{hashlib.sha256(data).hexdigest()[:32]}.pem"
        if not combined.is_file() or combined.read_bytes() != data:
            _write(combined, data)
    except OSError as error:
        raise ConfigurationError(
            f"The public certificate authorities and those of {bundle} cannot be put together in the temporary folder "
            f"(TMPDIR): {error.strerror}. Let the worker write there, or give all of them as ca_bundle."
        ) from error
    return str(combined)


@lru_cache(maxsize=8)
def _joined(bundle: str, written: int, public: str) -> bytes:
    del written
    return Path(public).read_bytes().rstrip() + b"\n" + Path(bundle).read_bytes()


def _own_folder() -> Path:
    """Return a folder for files that nobody else may put something into."""
    folder = Path(tempfile.gettempdir()) / f"keywatch-{os.getuid()}"
    with contextlib.suppress(OSError):  # of somebody else, or no folder: another one is made then
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077:
            return folder
    return Path(_another_folder())


@lru_cache(maxsize=1)
def _another_folder() -> str:
    """Make a folder of this process's own, once."""
    folder = tempfile.mkdtemp(prefix="keywatch-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _write(path: Path, data: bytes) -> None:
    """Write a file so that whoever reads it meanwhile sees all of it or what was there before."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(data)
    Path(file.name).replace(path)


@lru_cache(maxsize=32)
def _is_pem(bundle: str, written: int) -> bool:
    """Tell whether a file holds certificates; one process reads it once, until it is written anew."""
    del written
    try:
        ssl.create_default_context(cafile=bundle)
    except OSError:
        return False
    return True
