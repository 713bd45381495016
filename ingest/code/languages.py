"""Which language a source file is written in: by its suffix, its name, or its first line. The table is all there is.

A language with a `grammar` gets an outline from queries/<query>.scm; one without is known, but read as plain text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

HEAD = 20_000  # characters looked at to tell C++ from C in a header


@dataclass(frozen=True, slots=True)
class Language:
    """`grammar` is "module:function" of its wheel; `scope` joins a name to the names it is nested in.

    `data` files hold keys instead of definitions, `outlined` is false where an outline is missing, not needless.
    """

    name: str
    suffixes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()  # interpreters that a first line "#!…" may name
    grammar: str = ""
    queries: tuple[str, ...] = ()
    scope: str = "."
    data: bool = False
    depth: int = 0  # how deep in the tree its patterns begin; 0 for any depth
    indent: int = 0  # columns of indentation that its scanner survives; 0 for any number
    outlined: bool = True

    @property
    def wheel(self) -> str:
        """The package to install for its grammar."""
        return self.grammar.partition(":")[0].replace("_", "-")


def _known(name: str, *suffixes: str, names: tuple[str, ...] = (), outlined: bool = True) -> Language:
    return Language(name, suffixes, names, outlined=outlined)


LANGUAGES = (
    Language("python", (".py", ".pyi", ".pyw"), ("sconstruct", "wscript"), ("python", "pypy"),
             "tree_sitter_python:language", ("python",)),
    Language("javascript", (".js", ".jsx", ".mjs", ".cjs"), ("jakefile",), ("node", "nodejs", "deno", "bun"),
             "tree_sitter_javascript:language", ("ecma", "javascript")),
    Language("typescript", (".ts", ".mts", ".cts"), (), ("ts-node", "tsx"),
             "tree_sitter_typescript:language_typescript", ("ecma", "typescript")),
    Language("tsx", (".tsx",), (), (), "tree_sitter_typescript:language_tsx", ("ecma", "typescript")),
    Language("go", (".go",), (), (), "tree_sitter_go:language", ("go",)),
    Language("rust", (".rs",), (), (), "tree_sitter_rust:language", ("rust",), "::"),
    Language("java", (".java",), (), (), "tree_sitter_java:language", ("java",)),
    Language("c", (".c", ".h"), (), (), "tree_sitter_c:language", ("c",), "::"),
    Language("cpp", (".cc", ".cpp", ".cxx", ".c++", ".hpp", ".hh", ".hxx", ".h++", ".ipp", ".inl", ".cu", ".cuh"),
             (), (), "tree_sitter_cpp:language", ("cpp", "c"), "::"),
    Language("csharp", (".cs", ".csx"), (), (), "tree_sitter_c_sharp:language", ("csharp",)),
    Language("ruby", (".rb", ".rake", ".gemspec", ".ru"), ("gemfile", "rakefile", "vagrantfile", "podfile"),
             ("ruby", "jruby"), "tree_sitter_ruby:language", ("ruby",), "::"),
    Language("php", (".php", ".phtml", ".php5"), (), ("php",), "tree_sitter_php:language_php", ("php",), "::"),
    Language("kotlin", (".kt", ".kts"), (), ("kotlin",), "tree_sitter_kotlin:language", ("kotlin",)),
    Language("scala", (".scala", ".sc", ".sbt"), (), ("scala",), "tree_sitter_scala:language", ("scala",)),
    Language("bash", (".sh", ".bash", ".zsh", ".ksh"), (".bashrc", ".bash_profile", ".profile", ".zshrc", "pkgbuild"),
             ("sh", "bash", "zsh", "ksh", "dash", "ash"), "tree_sitter_bash:language", ("bash",)),
    Language("sql", (".sql", ".ddl", ".psql"), (), (), "tree_sitter_sql:language", ("sql",)),
    Language("html", (".html", ".htm", ".xhtml"), (), (), "tree_sitter_html:language", ("html",), data=True),
    Language("css", (".css",), (), (), "tree_sitter_css:language", ("css",), " ", data=True),
    Language("json", (".json", ".jsonc", ".json5", ".webmanifest", ".code-workspace", ".ipynb"),
             (".babelrc", ".eslintrc", ".prettierrc", "composer.lock", "pipfile.lock"), (),
             "tree_sitter_json:language", ("json",), data=True, depth=1),
    Language("yaml", (".yaml", ".yml"), (".clang-format", ".clang-tidy"), (),
             "tree_sitter_yaml:language", ("yaml",), data=True, depth=8, indent=200),
    Language("toml", (".toml",), ("cargo.lock", "poetry.lock", "pipfile", "uv.lock"), (),
             "tree_sitter_toml:language", ("toml",), data=True, depth=2),
    # known, without definitions to outline
    _known("makefile", ".mk", ".mak", names=("makefile", "gnumakefile", "bsdmakefile")),
    _known("dockerfile", ".dockerfile", names=("dockerfile", "containerfile")),
    _known("ini", ".ini", ".cfg", ".conf", ".properties", ".env", names=(".editorconfig", ".gitconfig", ".npmrc")),
    _known("ignore", names=(".gitignore", ".dockerignore", ".gitattributes", ".npmignore", ".gitmodules")),
    _known("go-module", names=("go.mod",)),
    _known("xml", ".xml", ".xsd", ".xsl", ".xslt", ".svg", ".plist", ".csproj", ".vbproj", ".props", ".targets"),
    _known("text", ".log", ".lock", ".in", ".tex", ".bib", ".patch", ".diff", ".jsonl", ".ndjson", names=(
        "license", "licence", "copying", "notice", "authors", "contributors", "changelog", "changes", "readme",
        "install", "todo", "news", "version", "procfile", "requirements", "manifest", "maintainers", "py.typed",
        "go.sum", "go.work",
    )),
    # known, but no grammar is at hand
    *(_known(name, *suffixes.split(), outlined=False) for name, suffixes in {
        "vue": ".vue", "svelte": ".svelte", "swift": ".swift", "lua": ".lua", "r": ".r .rmd", "perl": ".pl .pm",
        "scss": ".scss .sass .less", "protobuf": ".proto", "dart": ".dart", "terraform": ".tf .tfvars .hcl",
        "graphql": ".graphql .gql", "elixir": ".ex .exs", "haskell": ".hs", "powershell": ".ps1 .psm1",
        "batch": ".bat .cmd", "cmake": ".cmake", "objective-c": ".m .mm", "groovy": ".groovy .gradle",
        "clojure": ".clj .cljs .edn", "julia": ".jl", "zig": ".zig", "nix": ".nix", "erlang": ".erl .hrl",
        "fsharp": ".fs .fsx", "ocaml": ".ml .mli", "fortran": ".f .f90 .f95", "assembly": ".s .asm",
        "cython": ".pyx .pxd",
    }.items()),
)  # fmt: skip

BY_NAME = {each.name: each for each in LANGUAGES}
_BY_SUFFIX = {suffix: each for each in LANGUAGES for suffix in each.suffixes}
_BY_FILE = {name: each for each in LANGUAGES for name in each.names}
_BY_PROGRAM = {program: each for each in LANGUAGES for program in each.programs}

_SHEBANG = re.compile(r"#![ \t]*(?:\S*/)?(?:env[ \t]+(?:-\S+[ \t]+)*)?(?:\S*/)?([A-Za-z-]+)")
_CPP = re.compile(r"^[ \t]*(?:class|namespace|template|using|public|private|protected|virtual)\b(?!\s*;)|\bstd::", re.M)


def language_of(name: str, text: str) -> Language | None:
    """The language of a file called `name` that starts with `text`; None when nothing tells."""
    path = PurePosixPath(name.lower())
    found = _BY_FILE.get(path.name) or _BY_SUFFIX.get(path.suffix)
    if found is None:  # Dockerfile.dev, Makefile.linux, requirements-dev.txt
        found = _BY_FILE.get(re.split(r"[.\-]", path.name, maxsplit=1)[0])
    if found is not None and path.suffix == ".h" and _CPP.search(text[:HEAD]):
        return BY_NAME["cpp"]
    if found is None and (shebang := _SHEBANG.match(text[:200])):
        return _BY_PROGRAM.get(shebang[1].lower())
    return found
