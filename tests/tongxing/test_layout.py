from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tongxing.errors import StateError
from tongxing.layout import STATE_VERSION, TownLayout, locked


def make(tmp_path):
    layout = TownLayout(tmp_path / "state")
    with locked(layout):
        layout.begin()
    return layout


def test_a_finished_state_is_complete(tmp_path):
    layout = make(tmp_path)
    assert not layout.is_complete()
    layout.finish()
    assert layout.is_complete()


def test_an_unfinished_state_is_removed_before_the_next_try(tmp_path):
    layout = make(tmp_path)
    (layout.root / "ca" / "keys").mkdir(parents=True)
    (layout.root / "ca" / "keys" / "issuing.p8").write_text("half")
    assert not layout.is_complete()
    layout.begin()
    assert sorted(path.name for path in layout.root.iterdir()) == [".initialising", ".lock"]


def test_a_state_of_a_newer_version_is_refused(tmp_path):
    layout = make(tmp_path)
    layout.finish()
    layout.version_file.write_text(json.dumps({"version": STATE_VERSION + 1}))
    with pytest.raises(StateError, match="newer") as caught:
        layout.is_complete()
    assert caught.value.code == "state-newer"


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "thesis.odt").write_text("precious")
    with pytest.raises(StateError, match="not a town"):
        make(tmp_path)
    assert (tmp_path / "state" / "thesis.odt").read_text() == "precious"


def test_a_second_town_on_the_same_state_is_refused(tmp_path):
    layout = TownLayout(tmp_path / "state")
    with locked(layout), pytest.raises(StateError, match=str(os.getpid())) as caught, locked(layout):
        pass
    assert caught.value.code == "state-in-use"


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    layout = TownLayout(tmp_path / "state")
    program = (
        "import os, pathlib, signal, sys; from tongxing.layout import TownLayout, locked\n"
        "with locked(TownLayout(pathlib.Path(sys.argv[1]))): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", program, str(layout.root)], check=False)
    with locked(layout):
        assert layout.lock_file.read_text().strip() == str(os.getpid())


def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path):
    # Root may write anywhere, so the obstacle here is a file where the folder should be.
    (tmp_path / "state").write_text("")
    with (
        pytest.raises(StateError, match="cannot be written") as caught,
        locked(TownLayout(tmp_path / "state")),
    ):
        pass
    assert caught.value.code == "state-read-only"
