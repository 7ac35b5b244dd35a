"""The asset library, against an emulator that behaves as the documents say and misbehaves on order."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UsageError
from pipeline.upload.emulator.faults import Faults
from pipeline.upload.emulator.server import Emulator
from pipeline.upload.journal import UploadJournal
from pipeline.upload.metastudio import fields
from pipeline.upload.metastudio.asset_files import AssetFiles
from tests.upload import made


def _one(near: Path, name: str = "clip.mp4", data: bytes = b"film" * 5000) -> Path:
    asset = made.asset("video", "video", [made.output(near, name, data)])
    return made.write(near, "metastudio/asset-library", [asset])


# --- the way it should go -------------------------------------------------------------------------------


def test_every_output_becomes_one_asset_with_the_same_bytes(near: Path, running: Emulator) -> None:
    manifest = made.mixed(near, 7)
    told = made.deliver(made.library(running), manifest)
    assert made.statuses(told) == {"sent": 7}
    assert made.held(running.backend) == made.wanted(manifest)
    for entry in told:
        assert entry["verified"][0]["md5"] == entry["files"][0]["md5"]
        assert entry["verified"][0]["size"] == entry["files"][0]["size"]


def test_the_same_batch_again_changes_nothing_and_says_so(near: Path, running: Emulator) -> None:
    manifest = made.mixed(near, 4)
    made.deliver(made.library(running), manifest)
    before = dict(running.backend.stored)
    told = made.deliver(made.library(running), manifest)
    assert made.statuses(told) == {"skipped": 4}
    assert "holds it already" in told[0]["message"]
    assert running.backend.stored == before


def test_from_another_machine_too(near: Path, running: Emulator) -> None:
    manifest = made.mixed(near, 3)
    made.deliver(made.library(running), manifest)
    (near / ".preflight-upload.sqlite").unlink()
    assert made.statuses(made.deliver(made.library(running), manifest)) == {"skipped": 3}
    assert len(running.backend.assets) == 3


def test_an_asset_is_found_behind_more_than_a_hundred_that_were_deleted(near: Path, running: Emulator) -> None:
    manifest = _one(near)
    made.deliver(made.library(running), manifest)
    (mine,) = running.backend.assets.items()
    others = {f"a{n}": mine[1] | {"asset_id": f"a{n}", "asset_state": "DELETED"} for n in range(230)}
    running.backend.assets = others | dict([mine])
    (near / ".preflight-upload.sqlite").unlink()
    assert made.statuses(made.deliver(made.library(running), manifest)) == {"skipped": 1}
    assert len(running.backend.assets) == 231


def test_the_same_file_twice_in_a_batch_is_one_asset(near: Path, running: Emulator) -> None:
    outputs = [made.output(near, f"{folder}/clip.mp4", b"film") for folder in ("a", "b")]
    assets = [made.asset("video", "video", [output]) for output in outputs]
    manifest = made.write(near, "metastudio/asset-library", assets)
    assert made.statuses(made.deliver(made.library(running), manifest)) == {"sent": 1, "skipped": 1}
    assert len(running.backend.assets) == 1


def test_other_bytes_under_a_taken_name_get_a_name_of_their_own(near: Path, running: Emulator) -> None:
    made.deliver(made.library(running), _one(near))
    told = made.deliver(made.library(running), _one(near, data=b"another film"))
    assert told[0]["status"] == "sent"
    names = [one["asset_name"] for one in made.live(running.backend)]
    assert len(set(names)) == 2
    assert all(name.startswith("clip") for name in names)


def test_a_deck_goes_up_with_cover_and_pages(near: Path, running: Emulator) -> None:
    outputs = [
        made.output(near, "deck.pdf", b"%PDF deck"),
        made.output(near, "deck/cover.png", b"cover", "COVER"),
        made.output(near, "deck/0001.png", b"page one", "PAGE"),
        made.output(near, "deck/0002.png", b"page two", "PAGE"),
    ]
    manifest = made.write(near, "metastudio/asset-library", [made.asset("slides", "slides", outputs)])
    assert made.statuses(made.deliver(made.library(running), manifest)) == {"sent": 1}
    files = made.live(running.backend)[0]["files"]
    assert [f["asset_file_category"] for f in files] == ["MAIN", "COVER", "PAGE", "PAGE"]
    assert made.held(running.backend) == made.wanted(manifest)


def _deck(near: Path, name: str, pages: int, text: str = "words of a page") -> Path:
    outputs = [made.output(near, name, b"%PDF deck")]
    outputs += [made.output(near, f"d/{n:04d}.png", b"%d" % n, "PAGE") | {"text": text} for n in range(1, pages + 1)]
    return made.write(near, "metastudio/asset-library", [made.asset("slides", "slides", outputs)])


def test_the_platform_is_told_which_picture_is_which_page(near: Path, running: Emulator) -> None:
    """Tables 4-11, 4-12: page_no from 1, file_id of the picture, page_content."""
    assert made.statuses(made.deliver(made.library(running), _deck(near, "deck.pdf", 3))) == {"sent": 1}
    (asset,) = made.live(running.backend)
    ids = {file["file_name"]: file["file_id"] for file in asset["files"]}
    deck = asset["asset_extra_meta"]["ppt_meta"]
    assert (deck["auto_analysis"], deck["page_count"]) == (False, 3)
    assert deck["pages"] == [
        {"page_no": n, "file_id": ids[f"{n:04d}.png"], "page_content": "words of a page"} for n in (1, 2, 3)
    ]
    puts = len([call for call in running.backend.calls if call.startswith("PUT /v1")])
    made.deliver(made.library(running), _deck(near, "deck.pdf", 3))
    assert len([call for call in running.backend.calls if call.startswith("PUT /v1")]) == puts, "told once"


def test_a_cover_of_ones_own_goes_up_with_its_asset(near: Path, running: Emulator) -> None:
    manifest, cover = _one(near), near / "cover.png"
    cover.write_bytes(b"cover")
    place = made.library(running, {"covers": {"clip.mp4": str(cover)}})
    assert made.statuses(made.deliver(place, manifest)) == {"sent": 1}
    (asset,) = made.live(running.backend)
    assert [file["asset_file_category"] for file in asset["files"]] == ["MAIN", "COVER"]
    assert made.held(running.backend)["cover.png"] == made.md5(b"cover")
    with pytest.raises(UsageError, match=r"other\.mp4, which is not in the manifest"):
        made.deliver(made.library(running, {"covers": {"other.mp4": str(cover)}}), manifest)


def test_a_deck_without_pictures_is_taken_apart_by_the_platform(near: Path, running: Emulator) -> None:
    manifest = _deck(near, "deck.pptx", 0)
    assert made.statuses(made.deliver(made.library(running), manifest, wait=0.0)) == {"pending": 1}
    assert made.statuses(made.deliver(made.library(running), manifest)) == {"skipped": 1}
    (asset,) = made.live(running.backend)
    assert asset["asset_extra_meta"]["ppt_meta"]["ppt_analysis_status"] == "SUCCEEDED"


def test_a_deck_that_cannot_be_taken_apart_is_told_and_may_stay_a_file(near: Path, running: Emulator) -> None:
    told = made.deliver(made.library(running), _deck(near, "torndeck.pptx", 0))
    assert "FAILED): MSS.10001030 the deck is too complex" in told[0]["message"]
    (near / "other").mkdir()
    told = made.deliver(made.library(running, {"auto_analysis": False}), _deck(near / "other", "plain.pptx", 0))
    assert made.statuses(told) == {"sent": 1}


def test_notes_that_no_page_takes_are_told_before_anything_is_sent(near: Path, running: Emulator) -> None:
    told = made.deliver(made.library(running), _deck(near, "deck.pdf", 2, "w" * 2049))
    assert "page 1 has 2049 characters; the platform takes 2048" in told[0]["message"]
    assert running.backend.calls == []


@pytest.mark.parametrize("state", ["PUBLISHED", "", None])
def test_an_asset_in_a_state_that_no_table_has_is_not_delivered(
    near: Path, running: Emulator, state: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.upload.emulator.library._now", lambda asset: asset | {"asset_state": state})
    told = made.deliver(made.library(running), _one(near))
    assert told[0]["status"] == "failed"
    assert "Table 4-118 wants one of CREATING" in told[0]["message"]


def test_above_five_gibibytes_a_file_goes_up_in_parts(
    near: Path, running: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fields, "FILE", 10_000)
    monkeypatch.setattr(fields, "parts", lambda _: 5)
    running.backend.faults.order("PUT /obs", "drop-mid", 2)
    running.backend.faults.order("PUT /obs", "lost-answer")
    manifest = _one(near, data=bytes(range(250)) * 100)
    assert made.statuses(made.deliver(made.library(running), manifest)) == {"sent": 1}
    assert made.held(running.backend) == made.wanted(manifest)
    assert any(call.startswith("POST /v1/sandboxproject/large-files") for call in running.backend.calls)


def test_a_token_does_as_well(near: Path, running: Emulator) -> None:
    place = made.library(
        running,
        PREFLIGHT_METASTUDIO_AK="",
        PREFLIGHT_METASTUDIO_SK="",
        PREFLIGHT_METASTUDIO_TOKEN=running.backend.account.token,
    )
    assert made.statuses(made.deliver(place, _one(near))) == {"sent": 1}


def test_a_token_is_asked_for_with_user_and_password(near: Path, running: Emulator) -> None:
    place = made.library(
        running,
        PREFLIGHT_METASTUDIO_AK="",
        PREFLIGHT_METASTUDIO_SK="",
        PREFLIGHT_METASTUDIO_IAM_USER="user",
        PREFLIGHT_METASTUDIO_IAM_PASSWORD="nobody",  # noqa: S106  of a made-up account
        PREFLIGHT_METASTUDIO_IAM_DOMAIN="domain",
        PREFLIGHT_METASTUDIO_IAM_ENDPOINT=running.url,
    )
    assert made.statuses(made.deliver(place, _one(near))) == {"sent": 1}


@pytest.mark.parametrize("ahead", [-7200.0, 7200.0])
def test_a_wrong_clock_is_noticed_and_allowed_for(near: Path, running: Emulator, ahead: float) -> None:
    running.backend.clock_offset = ahead
    assert made.statuses(made.deliver(made.library(running), _one(near))) == {"sent": 1}


# --- a bad network --------------------------------------------------------------------------------------


@pytest.mark.every(5)
@pytest.mark.parametrize(
    ("call", "kind"), made.ways("GET /v1", "POST /v1/sandboxproject/digital-assets", "/files", "PUT /obs", "/complete")
)
def test_each_call_going_wrong_in_each_way_changes_nothing(near: Path, running: Emulator, call: str, kind: str) -> None:
    running.backend.faults.order(call, kind, 2)
    manifest = _one(near)
    assert made.statuses(made.deliver(made.library(running), manifest)) == {"sent": 1}
    assert made.held(running.backend) == made.wanted(manifest)
    assert len(made.live(running.backend)) == 1
    assert set(running.backend.faults.injected) == {kind}


@pytest.mark.parametrize("seed", range(3))
def test_a_batch_through_a_bad_network_arrives_once_and_whole(near: Path, tmp_path: Path, seed: int) -> None:
    manifest = made.mixed(near, 12)
    with made.emulator(tmp_path / "bad", faults=Faults(rate=0.2, seed=seed, slow=0.01)) as running:
        assert made.statuses(made.deliver(made.library(running), manifest)) == {"sent": 12}
        assert made.held(running.backend) == made.wanted(manifest)
        assert len(running.backend.assets) == 12
        assert sum(running.backend.faults.injected.values()) > 5


def test_a_lost_answer_to_a_put_is_not_answered_with_a_second_put(near: Path, running: Emulator) -> None:
    running.backend.faults.order("PUT /obs", "lost-answer")
    made.deliver(made.library(running), _one(near))
    assert set(running.backend.stored.values()) == {1}


def test_a_url_that_has_lapsed_is_replaced_and_its_file_cancelled(near: Path, running: Emulator) -> None:
    running.backend.faults.order("PUT /obs", "expired")
    made.deliver(made.library(running), _one(near))
    assert sorted(f["state"] for f in running.backend.files.values()) == ["CANCELLED", "CREATED"]


def test_a_url_older_than_a_day_is_not_even_tried(
    near: Path, running: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = _one(near)
    with pytest.raises(_Killed):
        _killed_at(made.library(running), manifest, "put MAIN clip.mp4", monkeypatch)
    later = time.time() + 25 * 3600
    monkeypatch.setattr("pipeline.upload.metastudio.asset_files.time.time", lambda: later)
    assert made.statuses(made.deliver(made.library(running), manifest)) == {"sent": 1}
    assert not [call for call in running.backend.calls if call.startswith("PUT") and "403" in call]


# --- killed anywhere ------------------------------------------------------------------------------------


class _Killed(BaseException):
    """Stands for the end of the process."""


def _killed_at(place: Any, manifest: Path, where: str | int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run until the journal writes a row (before or after which the process dies)."""
    written = UploadJournal._write
    count = 0

    def write(self: UploadJournal, key: str, step: str, phase: str, facts: dict[str, Any]) -> None:
        nonlocal count
        count += 1
        if count == where:
            raise _Killed
        written(self, key, step, phase, facts)
        if step == where:
            raise _Killed

    with monkeypatch.context() as patch:
        patch.setattr(UploadJournal, "_write", write)
        made.deliver(place, manifest, jobs=1)


def test_killed_before_any_row_of_the_journal_it_goes_on(
    near: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = made.mixed(near, 1)
    for place in range(1, 60):
        for file in near.glob(".preflight-upload*"):
            file.unlink()
        with made.emulator(tmp_path / f"far{place}") as running:
            try:
                _killed_at(made.library(running), manifest, place, monkeypatch)
            except _Killed:
                told = made.deliver(made.library(running), manifest)
                assert set(made.statuses(told)) <= {"sent", "skipped"}
                assert made.held(running.backend) == made.wanted(manifest)
                assert len(running.backend.assets) == 1
                assert set(running.backend.stored.values()) == {1}, f"killed at row {place}, bytes were sent twice"
            else:
                assert place > 7
                return
    pytest.fail("the run has more rows than were tried")


def test_two_runs_at_once_are_refused(near: Path, running: Emulator) -> None:
    manifest, place = _one(near), made.library(running)
    with UploadJournal(near, place.place), pytest.raises(UsageError, match="another upload"):
        made.deliver(place, manifest)


# --- bad input ------------------------------------------------------------------------------------------


def _spoil(manifest: Path, **change: Any) -> None:
    data = json.loads(manifest.read_text(encoding="utf-8"))
    data["assets"][0]["outputs"][0] |= change
    manifest.write_text(json.dumps(data), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"md5": "900150983cd24fb0d6963f7d28e17f72"}, "outputs[0].md5: is out of range, or not in its form"),
        ({"md5": "AAAAAAAAAAAAAAAAAAAAAA=="}, "changed since prepare"),
        ({"size": 1}, "changed since prepare"),
        ({"size": -1}, "outputs[0].size: is out of range"),
        ({"path": "../../etc/passwd"}, "leaves the folder"),
        ({"path": "none.mp4"}, "No such file"),
        ({"findings": [made.finding("fail")]}, "breaks rule r"),
        ({"category": "PAGE"}, "no main file"),
    ],
)
def test_an_edited_manifest_is_refused_and_the_rest_is_sent(
    near: Path, running: Emulator, change: dict[str, Any], said: str
) -> None:
    manifest = made.mixed(near, 3)
    _spoil(manifest, **change)
    told = made.deliver(made.library(running), manifest)
    assert told[0]["status"] in ("refused", "failed")
    assert said in told[0]["message"]
    assert made.statuses(told[1:]) == {"sent": 2}
    assert len(running.backend.assets) == 2


def test_an_output_that_changed_is_sent_only_by_force_and_that_is_recorded(near: Path, running: Emulator) -> None:
    manifest = _one(near)
    (near / "clip.mp4").write_bytes(b"something else")
    assert "changed since prepare" in made.deliver(made.library(running), manifest)[0]["message"]
    assert running.backend.assets == {}
    forced = made.deliver(made.library(running), manifest, force=True)[0]
    assert (forced["status"], forced["forced"]) == ("sent", ["changed: clip.mp4"])
    assert made.held(running.backend) == {"clip.mp4": made.md5(b"something else")}


@pytest.mark.parametrize(("status", "by_force"), [("blocked", 1), ("failed", 1), ("READY", 0), (None, 0)])
def test_what_is_not_ready_is_refused(near: Path, running: Emulator, status: Any, by_force: int) -> None:
    output = made.output(near, "clip.mp4", b"film")
    manifest = made.write(near, "metastudio/asset-library", [made.asset("video", "video", [output], status)])
    told = made.deliver(made.library(running), manifest)
    assert told[0]["status"] == "refused"
    forced = made.deliver(made.library(running), manifest, force=True)
    if not by_force:  # what cannot be read has nothing that could be sent
        assert forced[0]["status"] == "refused"
        return
    assert forced[0]["status"] == "sent"
    assert "status" in forced[0]["forced"][0]


def test_a_file_that_changes_while_it_is_sent_does_not_arrive(
    near: Path, running: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = _one(near)
    original = AssetFiles._create

    def create(self: Any, *args: Any) -> Any:
        (near / "clip.mp4").write_bytes(b"FILM" * 5000)
        return original(self, *args)

    monkeypatch.setattr(AssetFiles, "_create", create)
    told = made.deliver(made.library(running), manifest)
    assert told[0]["status"] == "failed"
    assert made.held(running.backend) == {}


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"PREFLIGHT_METASTUDIO_PROJECT": "elsewhere"}, "APIGW.0305"),
        ({"PREFLIGHT_METASTUDIO_SK": "not-the-right-key"}, "APIGW.0301"),
        ({"PREFLIGHT_METASTUDIO_AK": "nobody"}, "APIGW.0301"),
    ],
)
def test_wrong_project_and_wrong_keys_are_explained(
    near: Path, running: Emulator, environment: dict[str, str], said: str
) -> None:
    told = made.deliver(made.library(running, **environment), _one(near))
    assert told[0]["status"] == "failed"
    assert said in told[0]["message"]
    assert "not-the-right-key" not in json.dumps(told)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"PREFLIGHT_METASTUDIO_PROJECT": ""}, "METASTUDIO_PROJECT"),
        ({"PREFLIGHT_METASTUDIO_AK": ""}, "METASTUDIO_AK"),
        ({"PREFLIGHT_METASTUDIO_REGION": "moon"}, "no region"),
        ({"PREFLIGHT_METASTUDIO_ENDPOINT": "http://metastudio.example"}, "only https"),
        ({"PREFLIGHT_METASTUDIO_PACE": "fast"}, "PACE"),
    ],
)
def test_a_wrong_setting_is_told_before_anything_is_sent(
    running: Emulator, environment: dict[str, str], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        made.library(running, **environment)


def test_no_quota_names_the_asset_the_step_and_the_code_and_gives_it_up(near: Path, running: Emulator) -> None:
    running.backend.account.quota = 100
    told = made.deliver(made.library(running), _one(near))
    assert "create file 'clip.mp4': MSS.10001024" in told[0]["message"]
    assert "quota" in told[0]["message"]
    assert told[0]["abandoned"][0]["asset_id"] in running.backend.assets


def test_a_full_store_fails_the_file_on_the_platform(
    near: Path, running: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.upload.emulator.obs._LARGEST", 10)
    told = made.deliver(made.library(running), _one(near))
    assert "EntityTooLarge" in told[0]["message"]
    assert told[0]["abandoned"][0]["state"] == "FAILED"
    assert [f["state"] for f in running.backend.files.values()] == ["FAILED"]


def test_what_review_rejects_is_failed_with_the_reason(near: Path, running: Emulator) -> None:
    told = made.deliver(made.library(running), _one(near, "rejectme.mp4"))
    assert told[0]["status"] == "failed"
    assert "AUTOMATIC_REVIEW_REJECT" in told[0]["message"]
    assert told[0]["abandoned"][0]["state"] == "FAILED"


def test_a_review_that_takes_longer_is_pending_and_then_done(near: Path, running: Emulator) -> None:
    running.backend.review = 1.0
    manifest = _one(near)
    told = made.deliver(made.library(running), manifest, wait=0.0)
    assert told[0]["status"] == "pending"
    assert made.deliver(made.library(running), manifest, wait=10.0)[0]["status"] in ("sent", "skipped")
    assert set(running.backend.stored.values()) == {1}


def test_a_network_that_stays_away_leaves_everything_to_be_continued(near: Path, tmp_path: Path) -> None:
    manifest = made.mixed(near, 2)
    faults = Faults(rate=1.0, kinds=("refuse",))
    with made.emulator(tmp_path / "bad", faults=faults) as running:
        told = made.deliver(made.library(running), manifest)
        assert made.statuses(told) == {"failed": 2}
        assert "Run the same command again" in told[0]["message"]
        faults.rate = 0.0
        assert made.statuses(made.deliver(made.library(running), manifest)) == {"sent": 2}
