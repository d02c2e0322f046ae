"""The documents name what exists: files, functions, commands with their options, pages; the examples run."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path

import click
import pytest

from tongxing.cli import cli

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("docs/*.md"), *ROOT.glob("*.md"), *ROOT.glob("examples/*.md")])
_CODE = re.compile(r"`([^`\n]+)`")
_FILE = re.compile(r"([\w][\w./-]*/[\w.-]+\.py)(?:::?\s*([A-Za-z_][\w.]*))?")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
_COMMAND = re.compile(r"(?:^|(?<=[\s(/]))tongxing (?!/)(.+)")
_SHELL = ("sh", "console")
_VALUE = re.compile(r"[A-Z][A-Z-]*$|…|\.\.\.")


def by_name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose_and_code(text: str) -> tuple[str, list[tuple[str, str]]]:
    """The text without its fenced blocks, and the blocks with their languages."""
    return _FENCE.sub("", text), _FENCE.findall(text)


@cache
def names_in(path: Path) -> frozenset[str]:
    """Functions, classes, methods and assigned names of a module."""
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        names |= own_names(node)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{name}" for child in node.body for name in own_names(child)}
            names |= {name for child in node.body for name in own_names(child)}
    return frozenset(names)


def own_names(node: ast.stmt) -> set[str]:
    """What a statement defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Assign):
        return {target.id for target in node.targets if isinstance(target, ast.Name)}
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return {node.target.id}
    return set()


def missing_files(text: str) -> list[str]:
    """Files and names that a text speaks of and the tree does not have."""
    missing = []
    for code in _CODE.findall(prose_and_code(text)[0]):
        for path, name in _FILE.findall(code):
            found = next((root / path for root in (ROOT, ROOT / "tests") if (root / path).is_file()), None)
            if found is None:
                missing.append(path)
            elif name and name not in names_in(found):
                missing.append(f"{path}: {name}")
    return missing


def command_lines(text: str) -> list[str]:
    """The `tongxing …` commands of a text: in its code, and in its blocks for the shell."""
    prose, blocks = prose_and_code(text)
    lines = _CODE.findall(prose) + re.findall(r"^ {4,}(tongxing .+)$", prose, re.MULTILINE)
    for language, block in blocks:
        if language in _SHELL:
            typed = block.replace("\\\n", " ").splitlines()
            lines += [line.removeprefix("$ ") for line in typed if language == "sh" or line.startswith("$ ")]
    return [match[1] for line in lines if (match := _COMMAND.search(line.split("  #")[0]))]


def fault_of(line: str) -> str:
    """What is wrong with a command, if anything: a name or an option that does not exist."""
    words = shlex.split(re.split(r"\s[|>&;]|\s2>", line)[0])
    command, context = cli, click.Context(cli)
    taking = False
    for word in words:
        if taking:
            taking = False
        elif word.startswith("-") and word != "-":
            option = find_option(command, word.split("=")[0])
            if option is None:
                return f"tongxing {line}: {command.name} has no option {word}"
            taking = not option.is_flag and "=" not in word
        elif isinstance(command, click.Group) and not _VALUE.match(word):
            found = command.get_command(context, word)
            if found is None:
                return f"tongxing {line}: {command.name} has no command {word}"
            command, context = found, click.Context(found, parent=context)
    return ""


def find_option(command: click.Command, word: str) -> click.Option | None:
    """The option of a command; every command has its help."""
    if word in ("--help", "-h"):
        return click.Option(["--help"], is_flag=True)
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    return next((each for each in options if word in (*each.opts, *each.secondary_opts)), None)


@pytest.mark.parametrize("document", DOCUMENTS, ids=by_name)
def test_files_and_functions_that_are_named_exist(document):
    assert not missing_files(document.read_text(encoding="utf-8"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=by_name)
def test_commands_that_are_named_exist_with_their_options(document):
    faults = [fault_of(line) for line in command_lines(document.read_text(encoding="utf-8"))]
    assert not [fault for fault in faults if fault]


@pytest.mark.parametrize("document", DOCUMENTS, ids=by_name)
def test_links_lead_somewhere(document):
    prose, _ = prose_and_code(document.read_text(encoding="utf-8"))
    targets = ["".join(found).split("#")[0] for found in _LINK.findall(prose)]
    local = [target for target in targets if target and "://" not in target]
    assert not [target for target in local if not (document.parent / target).exists()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=by_name)
def test_no_path_of_one_machine_is_in_a_document(document):
    found = re.findall(r"(?:/home/|/root/|/work/|/Users/)\S*", document.read_text(encoding="utf-8"))
    assert not found


@pytest.mark.parametrize("flow", ["issuance", "login", "filing"])
def test_the_codes_of_what_can_go_wrong_are_in_the_code(flow):
    text = (ROOT / f"docs/{flow}.md").read_text(encoding="utf-8")
    rows = text.partition("## What can go wrong")[2].splitlines()
    codes = {code for row in rows if row.startswith("|") for code in _CODE.findall(row.split("|")[-2])}
    packages = ("ca", "cardreader", "idp", "runtime", "signing", "trust")
    files = [
        path for name in packages for path in (ROOT / name).rglob("*.*") if path.suffix in (".py", ".js")
    ]
    source = "\n".join(path.read_text(encoding="utf-8") for path in files)
    assert len(codes) > 15
    assert not [code for code in codes if f'"{code}"' not in source]


def test_the_checks_see_what_is_wrong():
    wrong = "`ca/preparation.py: brew` and `ca/brewing.py` and `tests/tongxing/test_docs.py: ROOT`"
    assert missing_files(wrong) == ["ca/preparation.py: brew", "ca/brewing.py"]
    text = "Say `tongxing ca brew`.\n\n```console\n$ tongxing idp keys --brew\nout\n$ tongxing ca list\n```\n"
    assert command_lines(text) == ["ca brew", "idp keys --brew", "ca list"]
    assert [bool(fault_of(line)) for line in command_lines(text)] == [True, True, False]
    assert not fault_of("ca show SERIAL --pem > card.pem")


# --- the site in fifteen lines ------------------------------------------------------------------------------


def fifteen_lines() -> str:
    """The first block of Python in the guide."""
    _, blocks = prose_and_code((ROOT / "docs/integrating.md").read_text(encoding="utf-8"))
    return next(block for language, block in blocks if language == "python")


def test_the_readme_shows_the_same_site():
    _, blocks = prose_and_code((ROOT / "README.md").read_text(encoding="utf-8"))
    assert fifteen_lines() in [block for _, block in blocks]
    assert len([line for line in fifteen_lines().splitlines() if line.strip()]) == 15


@pytest.mark.slow
def test_a_site_in_fifteen_lines_logs_a_citizen_in(town, free_port, tmp_path, monkeypatch):
    from werkzeug.serving import make_server

    from tongxing.people import LI_MING

    # 1. Registered as the guide says.
    site = f"http://localhost:{free_port}"
    command = ["idp", "client", "add", "--settings", town.state / "town.toml", "--client-id", "library"]
    command += ["--name", "Library", "--redirect-uri", f"{site}/callback"]
    answer = subprocess.run(
        [sys.executable, "-m", "tongxing", *map(str, command)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    # 2. Its settings.
    secret = re.search(r"client_secret +(\S+)", answer.stdout)[1]
    lines = ('SECRET_KEY = "for a test"', 'CITY_CLIENT_ID = "library"', f'CITY_CLIENT_SECRET = "{secret}"')
    (tmp_path / "library.cfg").write_text("\n".join(lines))
    # 3. The fifteen lines, at this town's addresses.
    monkeypatch.chdir(tmp_path)
    code = fifteen_lines().replace("http://localhost:8404", town.url("idp"))
    module: dict[str, object] = {"__name__": "library"}
    exec(compile(code.replace("http://localhost:5000", site), "library.py", "exec"), module)  # noqa: S102
    server = make_server("127.0.0.1", free_port, module["app"], threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        browser = town.browser()
        town.person.holds(LI_MING)
        page = town.stage().answer_login(browser, browser.get(f"{site}/"))
        assert page.url == f"{site}/"
        assert page.headers["Content-Type"] == "application/json"
        assert LI_MING.name in page.content.decode("unicode_escape")
        browser.close()
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()
