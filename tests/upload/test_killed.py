"""Killed between what the platform was told and what the journal was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.upload.metastudio.asset_files import AssetFiles
from tests.upload import made


@pytest.mark.parametrize("kind", ["disk-full", "expired"])
def test_a_file_that_was_given_up_and_not_written_down_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The platform says FAILED or CANCELLED of a file that the journal takes for put."""
    near = tmp_path / "near"
    near.mkdir()
    manifest = made.mixed(near, 1)

    note = AssetFiles.note

    def killed(files: AssetFiles, item: Any, step: str, entry: Any, tools: Any) -> None:
        if entry is None:
            raise made.Killed
        note(files, item, step, entry, tools)

    with made.emulator(tmp_path / "far") as running:
        running.backend.faults.order("PUT /obs", kind)
        with monkeypatch.context() as patch:
            patch.setattr(AssetFiles, "note", killed)
            with pytest.raises(made.Killed):
                made.deliver(made.library(running), manifest)
        assert {file["state"] for file in running.backend.files.values()} <= {"FAILED", "CANCELLED"}
        assert made.statuses(made.deliver(made.library(running), manifest)) == {"sent": 1}
        assert made.held(running.backend) == made.wanted(manifest)
        assert len(running.backend.assets) == 1
        assert set(running.backend.stored.values()) == {1}
