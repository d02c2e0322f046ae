"""The Containerfile, as text: what it copies exists, what it downloads is pinned, what it runs is nobody."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINES = [
    line
    for line in (ROOT / "deploy" / "Containerfile").read_text().replace("\\\n", " ").splitlines()
    if line and not line.startswith("#")
]
INSTRUCTIONS = [tuple(line.split(None, 1)) for line in LINES]


def arguments(instruction: str) -> list[str]:
    return [rest for name, rest in INSTRUCTIONS if name == instruction]


def test_what_is_copied_exists() -> None:
    copied = [part for rest in arguments("COPY") if "--from" not in rest for part in rest.split()[:-1]]
    assert copied
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"bench", "examples", "tests"}
    assert packages <= set(copied), "every package of the wheel"
    for name in copied:
        assert (ROOT / name).exists() or name == "README.md", name


def test_what_is_downloaded_is_pinned_by_digest() -> None:
    installs = [rest for rest in arguments("RUN") if "pip install" in rest]
    assert installs
    for rest in installs:
        assert "--require-hashes" in rest or "--no-index" in rest
    assert arguments("ADD") == []
    assert not any(word in rest for rest in arguments("RUN") for word in ("curl ", "wget ", "git clone"))
    # The build tool's lines are found in the lock file by the same pattern.
    pinned = re.findall(
        r"^setuptools==\S+ \\\n(?:    --hash=\S+(?: \\)?\n)+",
        (ROOT / "requirements/dev.txt").read_text(),
        re.M,
    )
    assert len(pinned) == 1


def test_the_process_is_nobody_and_keeps_no_tools() -> None:
    assert arguments("USER") == ["10001:10001"]
    assert len(arguments("FROM")) == 2
    last = len(INSTRUCTIONS) - [name for name, _ in INSTRUCTIONS[::-1]].index("FROM")
    assert not any("apt-get" in rest for name, rest in INSTRUCTIONS[last:] if name == "RUN")
    assert arguments("ENTRYPOINT") == ['["tongxing"]']
