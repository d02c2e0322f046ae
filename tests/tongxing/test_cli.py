from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest
from click.testing import CliRunner

from tongxing.cli import COMMANDS, cli

HEAVY = ("flask", "sqlalchemy", "granian", "alembic", "jose", "authlib", "pyhanko", "requests", "OpenSSL")


def run_python(program, *arguments):
    command = [sys.executable, "-c", textwrap.dedent(program), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_help_names_every_command_and_imports_none():
    program = f"""
        import sys
        from tongxing.cli import cli
        cli(["--help"], standalone_mode=False)
        heavy = [name for name in {HEAVY!r} if name in sys.modules]
        sys.exit(f"imported: {{heavy}}" if heavy else 0)
    """
    result = run_python(program)
    assert result.returncode == 0, result.stderr
    for name, command in COMMANDS.items():
        assert name in result.stdout
        assert command.help.split()[0] in result.stdout


WITHOUT_SERVER = f"""
    import sys
    class Absent:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in {HEAVY!r}:
                raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
    sys.meta_path.insert(0, Absent())
    from tongxing.cli import main
    sys.argv = ["tongxing", *sys.argv[1:]]
    main()
"""


@pytest.mark.parametrize(("command", "shown"), [("card", "list"), ("trust", "validate")])
def test_these_work_without_the_server_packages(command, shown):
    result = run_python(WITHOUT_SERVER, command, "--help")
    assert result.returncode == 0, result.stderr
    assert shown in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [["idp", "--help"], ["ca", "--help"], ["check", "--settings", "x"], ["run", "--state", "new"]],
)
def test_a_server_command_without_its_packages_says_what_to_install(arguments, tmp_path):
    settings = tmp_path / "town.toml"
    settings.write_text("[idp]\n")
    paths = {"x": str(settings), "new": str(tmp_path / "new")}
    result = run_python(WITHOUT_SERVER, *[paths.get(part, part) for part in arguments])
    assert result.returncode == 1
    assert "pip install 'tongxing[server]'" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_unknown_command_is_a_usage_error():
    assert CliRunner().invoke(cli, ["frobnicate"]).exit_code == 2


def test_an_error_is_one_line_and_exit_code_1(tmp_path):
    result = run_python(
        "from tongxing.cli import main\nimport sys\nsys.argv = ['tongxing', *sys.argv[1:]]\nmain()",
        "check",
        "--settings",
        str(tmp_path / "absent.toml"),
    )
    assert result.returncode == 1
    assert "cannot be read" in result.stderr
    assert "Traceback" not in result.stderr
