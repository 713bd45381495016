"""What in a tree is not anybody's own writing, by name: tables only. Each row costs or saves whole files, so a name
that people also give to folders of their own (vendor, build, out) counts only with evidence beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

VERSION_CONTROL = frozenset((".git", ".hg", ".svn", ".bzr", "_darcs", ".jj", ".pijul"))

# Read wherever an ambiguous folder holds them: nobody vendors a contract.
DOCUMENTS = frozenset((
    ".pdf", ".docx", ".docm", ".doc", ".odt", ".rtf", ".xlsx", ".xlsm", ".xls", ".ods", ".pptx", ".ppt", ".odp",
    ".epub", ".eml", ".mbox", ".mbx", ".msg",
))  # fmt: skip

# A folder that holds one of these, or lies below one that does, belongs to a code project.
MANIFESTS = frozenset((
    "package.json", "go.mod", "composer.json", "gemfile", "cargo.toml", "pyproject.toml", "setup.py", "setup.cfg",
    "pom.xml", "build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts", "build.sbt", "makefile",
    "gnumakefile", "cmakelists.txt", "meson.build", "configure.ac", "configure", "workspace", "module.bazel",
    "build.bazel", "build.gn", "mix.exs", "rebar.config", "package.swift", "podfile", "cartfile", "pubspec.yaml",
    "pipfile", "dune-project", "stack.yaml", "cabal.project",
    "build.zig", "deno.json", "bower.json", "rakefile", ".gitmodules",
))  # fmt: skip

# Folder names that mean one thing only.
CERTAIN_FOLDERS = {
    **dict.fromkeys(
        ("node_modules", "bower_components", "jspm_packages", "site-packages", "dist-packages", ".venv", ".pnpm-store",
         ".yarn", ".bundle", "elm-stuff", "Godeps", ".terraform"),
        "installed packages",
    ),
    **dict.fromkeys(
        ("__pycache__", ".tox", ".nox", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".nyc_output",
         ".ipynb_checkpoints", ".parcel-cache", ".turbo", ".gradle", ".dart_tool", ".sass-cache", ".zig-cache"),
        "a cache",
    ),
    **dict.fromkeys((".next", ".nuxt", ".svelte-kit", ".eggs", "htmlcov", "DerivedData", "zig-out"), "build output"),
}  # fmt: skip

# Folder names of code taken over from others: they count below a MANIFEST and with source code inside only, and
# DOCUMENTS in them are read.
VENDORED_FOLDERS = frozenset((
    "vendor", "vendors", "third_party", "third-party", "thirdparty", "3rdparty", "3rd_party", "3rd-party",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class FolderRow:
    """A folder `name` means `what` where one of `beside` (small letters, or ".suffix") stands in the same folder.

    Not `certain`: only where no .gitignore and no git index is there to say it better.
    """

    name: str
    beside: tuple[str, ...]
    what: str = "build output"
    certain: bool = False


_GRADLE = ("build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts")
_DOTNET = (".csproj", ".fsproj", ".vbproj", ".vcxproj")
FOLDER_ROWS = (
    FolderRow("target", ("cargo.toml", "pom.xml", "build.sbt"), certain=True),
    FolderRow("dist", ("package.json",), certain=True),
    FolderRow("Pods", ("podfile",), "installed packages", certain=True),
    FolderRow("Carthage", ("cartfile",), "installed packages", certain=True),
    FolderRow("deps", ("mix.exs",), "installed packages", certain=True),
    FolderRow("_build", ("mix.exs", "conf.py", "dune-project", "rebar.config", "_config.yml"), certain=True),
    FolderRow("obj", _DOTNET, certain=True),
    FolderRow("coverage", ("package.json",)),
    FolderRow("bin", _DOTNET),
    FolderRow("dist", ("setup.py", "pyproject.toml")),
    FolderRow("build", (*_GRADLE, "setup.py", "pyproject.toml", "package.json", "pubspec.yaml", "cmakelists.txt")),
    FolderRow("out", (*_GRADLE, "package.json", "foundry.toml", "build.gn")),
)

CODE_SUFFIXES = frozenset((
    ".py", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".vue", ".go", ".rs", ".java", ".kt", ".scala", ".groovy",
    ".c", ".h", ".cc", ".cpp", ".cxx", ".hh", ".hpp", ".hxx", ".m", ".mm", ".cs", ".fs", ".vb", ".rb", ".php",
    ".pl", ".pm", ".swift", ".dart", ".ex", ".exs", ".erl", ".hs", ".ml", ".clj", ".lua", ".r", ".jl", ".zig",
    ".nim", ".s", ".asm", ".css", ".scss", ".less", ".proto", ".sol", ".sh", ".cmake", ".bzl", ".gn", ".gyp",
    ".jsonnet", ".rego",
))  # fmt: skip

LOCK_FILES = frozenset((
    "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb", "deno.lock",
    "poetry.lock", "uv.lock", "pdm.lock", "pixi.lock", "Pipfile.lock", "conda-lock.yml", "Cargo.lock", "Gemfile.lock",
    "composer.lock", "go.sum", "go.work.sum", "flake.lock", "mix.lock", "rebar.lock", "pubspec.lock", "Podfile.lock",
    "Package.resolved", "Cartfile.resolved", "packages.lock.json", "gradle.lockfile", "Chart.lock",
    ".terraform.lock.hcl", "MODULE.bazel.lock", "stack.yaml.lock", "Brewfile.lock.json",
))  # fmt: skip

MINIFIED_ENDS = (".min.js", ".min.mjs", ".min.cjs", ".min.css", "-min.js", "-min.css")
SOURCE_MAP_ENDS = (".js.map", ".mjs.map", ".cjs.map", ".css.map", ".ts.map", ".wasm.map")
GENERATED_ENDS = (
    "_pb2.py", "_pb2.pyi", "_pb2_grpc.py", ".pb.go", ".pb.gw.go", ".pb.cc", ".pb.h", ".pb.swift", "_pb.js", "_pb.d.ts",
    ".g.dart", ".freezed.dart", ".g.cs", ".g.i.cs",
)  # fmt: skip

_BY_KIND = {
    "a picture": "png jpg jpeg gif bmp ico icns webp avif heic tif tiff psd ai eps svg svgz xcf sketch cr2 dds tga",
    "a sound file": "mp3 wav ogg flac m4a aac aiff opus",
    "a film": "mp4 m4v mov avi mkv webm wmv flv mpg mpeg",
    "a font": "ttf otf woff woff2 eot pfb",
    "a program or library": "exe dll so dylib a o msi dmg iso ko wasm elf class pyc pyo pyd beam",
    "a packaged library": "jar war ear aar apk ipa whl egg nupkg gem crx xpi vsix deb rpm",
    "a database": "db sqlite sqlite3 mdb accdb dbf rdb",
    "model weights or arrays": "safetensors gguf onnx pt pth ckpt h5 hdf5 npy npz pickle joblib parquet feather arrow"
    " tfrecord msgpack mlmodel tflite",
    "a 3D model": "stl fbx blend glb 3ds",
    "a key store": "jks p12 pfx keystore",
}
BINARY_SUFFIXES = {f".{suffix}": kind for kind, suffixes in _BY_KIND.items() for suffix in suffixes.split()}
