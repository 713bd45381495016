"""The packages that the manifest names, downloaded and unpacked: what `collect` gathers texts from.

`pypi_NAME-VERSION` is a source distribution from the package index, `npm_NAME-VERSION` a package of npm's registry, any
other name a Debian package in the version that this system's sources offer. Nothing of a package is run or installed.
"""

from __future__ import annotations

import html
import json
import re
import subprocess
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

INDEX = "https://pypi.org/simple"
SCOPED = {"angular-core": "@angular/core"}  # npm's names that are no folder's
Run = Callable[[list[str], Path], None]


def named(manifest: Path) -> Iterator[str]:
    """The packages of a manifest; single licences are part of one of them."""
    for line in manifest.read_text("utf-8").splitlines():
        name = str(json.loads(line)["source"])
        if not name.startswith("spdx:"):
            yield name


def sdist(page: str, address: str, version: str) -> str:
    """The address of a version's source distribution on an index page. Raises LookupError where it has none."""
    links = [html.unescape(link) for link in re.findall(r'href="([^"]+)"', page)]
    wanted = re.compile(rf"-{re.escape(version)}\.tar\.gz(?:#|$)")  # not 1.5.1 for 5.1
    found = next((link for link in links if wanted.search(link)), None)
    if found is None:
        raise LookupError(f"{address} offers no source distribution of version {version}")
    return urllib.parse.urljoin(address, found.partition("#")[0])


def fetch(name: str, folder: Path, index: str = INDEX, run: Run | None = None) -> None:
    """Unpacks the package `name` into `folder`/`name`, unless it is there. Needs npm, apt-get and dpkg for their kinds."""
    target, run = folder / name, run or _run
    if target.exists():
        return
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        room, unpacked = Path(scratch), Path(scratch) / "unpacked"
        unpacked.mkdir()
        if name.startswith("pypi_"):
            project, _, version = name.removeprefix("pypi_").rpartition("-")
            address = f"{index}/{re.sub('[-_.]+', '-', project).lower()}/"
            link = sdist(_read(address).decode(), address, version)
            (room / "sdist.tar.gz").write_bytes(_read(link))
            run(["tar", "xf", "sdist.tar.gz", "-C", "unpacked", "--strip-components=1"], room)
        elif name.startswith("npm_"):
            project, _, version = name.removeprefix("npm_").rpartition("-")
            run(["npm", "pack", "--silent", f"{SCOPED.get(project, project)}@{version}"], room)
            run(["tar", "xf", _only(room, "*.tgz"), "-C", "unpacked"], room)
        else:
            run(["apt-get", "download", "--quiet", name], room)
            run(["dpkg", "-x", _only(room, "*.deb"), "unpacked"], room)
        unpacked.rename(target)


def _read(address: str) -> bytes:
    if not address.startswith(("https://", "http://")):
        raise LookupError(f"{address} is no address of a package index")
    with urllib.request.urlopen(address) as answer:  # noqa: S310 - checked above
        return bytes(answer.read())


def _only(room: Path, pattern: str) -> str:
    found = [path.name for path in room.glob(pattern)]
    if len(found) != 1:
        raise LookupError(f"expected one {pattern}, found {len(found)}")
    return found[0]


def _run(command: list[str], room: Path) -> None:
    subprocess.run(command, cwd=room, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - names of our manifest
