from __future__ import annotations

import subprocess

import pytest

from tongxing.demo.document import make_pdf


@pytest.mark.foreign
def test_poppler_reads_the_document(tmp_path):
    path = tmp_path / "d.pdf"
    path.write_bytes(make_pdf("Annual report (2026)", ["Line one", r"back\slash"]))
    information = subprocess.run(["pdfinfo", str(path)], capture_output=True, text=True, check=True)
    assert "Annual report (2026)" in information.stdout
    assert not information.stderr
    words = subprocess.run(["pdftotext", str(path), "-"], capture_output=True, text=True, check=True).stdout
    assert "Line one" in words
    assert r"back\slash" in words
