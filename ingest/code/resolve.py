"""Imports as written → files of the repository, by each language's own rules; what is not found lies outside."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from posixpath import dirname, normpath
from posixpath import join as joined

MAX_SAME = 16  # files with one name that are compared
MAX_PARTS = 12  # of the end of a path
FOLDERS_OF_SOURCES = ("src", "lib", "python")
SCRIPT_ENDS = (".ts", ".tsx", ".d.ts", ".js", ".jsx", ".mjs", ".cjs", ".json", ".vue", ".svelte", ".css", ".scss")
WRITTEN_AS = {".js": (".ts", ".tsx"), ".jsx": (".tsx",), ".mjs": (".mts",), ".cjs": (".cts",)}  # what TypeScript means
RUST_ROOTS = ("lib.rs", "main.rs")


class Places:
    """All files and folders of a repository, found by whole path or by the end of it."""

    def __init__(self, paths: Iterable[str], modules: dict[str, str]) -> None:
        self.files = frozenset(paths)
        self.modules = modules  # a name a folder gives itself (go.mod) → that folder
        self.folders: set[str] = {""}
        self._ends: dict[str, list[str]] = {}
        self._python_roots: dict[str, list[str]] = {}
        for path in sorted(self.files):
            folder = dirname(path)
            while folder not in self.folders:
                self.folders.add(folder)
                folder = dirname(folder)
            self._index(path)
        for folder in sorted(self.folders):
            self._index(folder + "/")
        self.crates = {
            dirname(path).rpartition("/")[2].replace("-", "_"): dirname(path)
            for path in self.files
            if path.endswith("/Cargo.toml")
        }

    def _index(self, path: str) -> None:
        at = len(path)
        for _ in range(MAX_PARTS):
            at = path.rfind("/", 0, max(at - 1, 0))  # -1 before the first part
            same = self._ends.setdefault(path[at + 1 :], [])
            if len(same) < MAX_SAME:
                same.append(path)
            if at < 0:
                break

    def python_roots(self, folder: str) -> list[str]:
        """Where the modules that a file of this folder imports may start, nearest first."""
        roots = self._python_roots.get(folder)
        if roots is None:
            roots, above = [], folder
            while True:
                if _below(above, "__init__.py") not in self.files:
                    roots += [above, *(_below(above, name) for name in FOLDERS_OF_SOURCES)]
                if not above:
                    break
                above = dirname(above)
            roots = self._python_roots[folder] = [root for root in roots if root in self.folders]
        return roots

    def first(self, paths: Iterable[str]) -> str | None:
        """The first of these paths that is a file."""
        for path in paths:
            if path in self.files:
                return path
        return None

    def ending(self, ends: Iterable[str], near: str) -> str | None:
        """The file, or folder for an end in "/", with the first of these ends that there is; the one nearest `near`."""
        for end in ends:
            same = [path for path in self._ends.get(end, ()) if path != near]
            if same:
                return max(same, key=lambda path: (_shared(path, near), -len(path)))
        return None


def _below(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _shared(one: str, other: str) -> int:
    count = 0
    for left, right in zip(one.split("/"), other.split("/"), strict=False):
        if left != right:
            break
        count += 1
    return count


def _relative(name: str, path: str) -> str:
    found = normpath(joined(dirname(path), name))
    return "" if found == "." else found


def _python(name: str, path: str, places: Places) -> str | None:
    parts = name.lstrip(".").split(".")
    if name.startswith("."):
        base = dirname(path)
        for _ in range(len(name) - len(name.lstrip(".")) - 1):
            base = dirname(base)
        return _python_module(base, [part for part in parts if part], places)
    for root in places.python_roots(dirname(path)):
        head = _below(root, parts[0])
        if head in places.folders or head + ".py" in places.files or head + ".pyi" in places.files:
            found = _python_module(root, parts, places, least=1)
            if found is not None:
                return found
    return None


def _python_module(base: str, parts: list[str], places: Places, least: int = 0) -> str | None:
    for count in range(len(parts), least - 1, -1):
        stem = "/".join([base, *parts[:count]] if base else parts[:count])
        ends = ("/__init__.py", "/__init__.pyi") if count == 0 else (".py", "/__init__.py", ".pyi", "/__init__.pyi")
        found = places.first((stem + end).lstrip("/") for end in ends)
        if found is not None:
            return found
    return None


def _script(name: str, path: str, places: Places) -> str | None:
    if not name.startswith("."):
        return None
    stem = _relative(name.partition("?")[0], path)
    written = [
        stem.removesuffix(end) + other for end, others in WRITTEN_AS.items() for other in others if stem.endswith(end)
    ]
    found = places.first([stem, *written]) or places.first(stem + end for end in SCRIPT_ENDS)
    if found is None and stem in places.folders:
        found = places.first(_below(stem, "index" + end) for end in SCRIPT_ENDS)
    return found


def _go(name: str, path: str, places: Places) -> str | None:
    for module, root in places.modules.items():
        if name == module or name.startswith(module + "/"):
            folder = joined(root, name[len(module) + 1 :]).rstrip("/")
            return folder + "/" if folder in places.folders else None
    return None


def _rust(name: str, path: str, places: Places) -> str | None:
    parts = name.split("::")
    stem, folder = path.rpartition("/")[2].removesuffix(".rs"), dirname(path)
    inside = folder if stem in ("mod", "lib", "main") else joined(folder, stem)
    if parts[0] == "crate":
        return _rust_module(_crate_root(path, places), parts[1:], places)
    if parts[0] in ("self", "super"):
        while parts and parts[0] in ("self", "super"):
            inside = dirname(inside) if parts.pop(0) == "super" else inside
        return _rust_module(inside, parts, places)
    if parts[0] in places.crates:
        return _rust_module(joined(places.crates[parts[0]], "src"), parts[1:], places)
    return _rust_module(inside, parts, places, least=1)


def _crate_root(path: str, places: Places) -> str:
    folder = dirname(path)
    while folder:
        if places.first(joined(folder, root) for root in RUST_ROOTS):
            return folder
        folder = dirname(folder)
    return folder


def _rust_module(base: str, parts: list[str], places: Places, least: int = 0) -> str | None:
    for count in range(len(parts), least - 1, -1):
        stem = "/".join([base, *parts[:count]] if base else parts[:count])
        ends = ("/mod.rs", ".rs", "/lib.rs", "/main.rs") if count == 0 else (".rs", "/mod.rs")
        found = places.first((stem + end).lstrip("/") for end in ends)
        if found is not None:
            return found
    return None


def _by_package(*suffixes: str) -> Callable[[str, str, Places], str | None]:
    """com.example.Thing → …/com/example/Thing.java; a wildcard or a member of a package → its folder."""

    def resolve(name: str, path: str, places: Places) -> str | None:
        parts = name.split(".")
        if parts[-1] in ("*", "_"):
            return places.ending(["/".join(parts[:-1]) + "/"], path) if len(parts) > 2 else None
        stems = ["/".join(parts[:count]) for count in range(len(parts), 1, -1)]
        found = places.ending([stem + suffix for stem in stems[:3] for suffix in suffixes], path)
        return found or (places.ending([stems[1] + "/"], path) if len(stems) > 1 else None)

    return resolve


def _include(name: str, path: str, places: Places) -> str | None:
    plain = name.strip("<>")
    beside = None if name.startswith("<") else places.first([_relative(plain, path)])
    plain = normpath(plain).lstrip("./")
    system = name.startswith("<") and "/" not in plain
    return beside or places.ending([f"include/{plain}"] if system else [f"include/{plain}", plain], path)


def _namespace(name: str, path: str, places: Places) -> str | None:
    parts = name.split(".")
    stems = ["/".join(parts), "/".join(parts[1:])]
    return places.ending([stem + "/" for stem in stems if stem], path)


def _ruby(name: str, path: str, places: Places) -> str | None:
    file = name if name.endswith(".rb") else name + ".rb"
    if name.startswith("."):
        return places.first([_relative(file, path)])
    return places.first([file]) or places.ending([f"lib/{file}", f"app/{file}"], path)


def _php(name: str, path: str, places: Places) -> str | None:
    if name.endswith((".php", ".inc", ".phtml")) or "/" in name:
        return places.first([_relative(name, path), name.lstrip("/")])
    parts = name.strip("\\").split("\\")
    stems = ["/".join(parts[at:]) for at in range(len(parts) - 1)]
    rooted = [f"{folder}/{parts[-1]}.php" for folder in ("src", "app", "lib")] if len(parts) == 2 else []
    return places.ending([*(stem + ".php" for stem in stems), *rooted], path)


def _file(name: str, path: str, places: Places) -> str | None:
    plain = name.lstrip("/")
    return places.first([_relative(name, path), _relative(name + ".css", path), plain]) if plain else None


RESOLVERS: dict[str, Callable[[str, str, Places], str | None]] = {
    "python": _python, "javascript": _script, "typescript": _script, "tsx": _script, "go": _go, "rust": _rust,
    "java": _by_package(".java", ".kt", ".scala"), "kotlin": _by_package(".kt", ".java"),
    "scala": _by_package(".scala", ".java"), "c": _include, "cpp": _include, "csharp": _namespace, "ruby": _ruby,
    "php": _php, "bash": _file, "css": _file, "html": _file,
}  # fmt: skip
