"""Training jobs of MetaStudio: avatar and voice, single-use URLs and all."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UploadError, UsageError
from pipeline.upload.credentials import Secrets
from pipeline.upload.emulator.faults import Faults
from pipeline.upload.emulator.server import Emulator
from pipeline.upload.metastudio import training
from pipeline.upload.metastudio.api import Api
from pipeline.upload.metastudio.training import Avatar
from pipeline.upload.metastudio.voice import Voice, _of_sentence
from tests.upload import made

ORDER = {"name": "avatar"}
VOICE = {"voice_name": "voice", "tag": "NEWS", "sex": "MALE"}


@pytest.fixture
def near(near: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(training, "_PART", 20_000)
    return near


def _avatar(near: Path, *, audio: bool = False, action: bool = False, take: bytes = b"green screen" * 8000) -> Path:
    assets = [
        made.asset("video", "video", [made.output(near, "take.mp4", take)]),
        made.asset("image", "id-card", [made.output(near, "front.jpg", b"front")]),
        made.asset("image", "id-card", [made.output(near, "back.jpg", b"back")]),
        made.asset("slides", "grant-file", [made.output(near, "letter.pdf", b"letter")]),
    ]
    if audio:
        assets.append(made.asset("archive", "audio", [made.output(near, "voice.zip", b"PK voice")]))
    if action:
        assets.append(made.asset("video", "action-video", [made.output(near, "action.mp4", b"walk" * 9000)]))
    return made.write(near, "metastudio/avatar-training", assets)


def _stored(running: Emulator) -> dict[str, str]:
    job = next(iter(running.backend.jobs))
    prefix = f"{job}-"
    return {
        name.removeprefix(prefix): made.md5(one.path.read_bytes())
        for name, one in running.backend.objects.items()
        if name.startswith(prefix)
    }


SLOTS = {
    "training_video": made.md5(b"green screen" * 8000),
    "id_card_image1": made.md5(b"front"),
    "id_card_image2": made.md5(b"back"),
    "grant_file": made.md5(b"letter"),
}


def test_an_avatar_job_gets_every_file_and_is_submitted(near: Path, running: Emulator) -> None:
    told = made.deliver(Avatar(made.api(running), ORDER, flexus=False), _avatar(near))
    assert made.statuses(told) == {"sent": 4}
    assert told[0]["ids"]["state"] == "MANUAL_VERIFYING"
    assert _stored(running) == SLOTS
    assert next(iter(running.backend.jobs.values()))["parts"] == [5, 1]


def test_sound_of_its_own_and_an_action_video(near: Path, running: Emulator) -> None:
    made.deliver(Avatar(made.api(running), ORDER, flexus=False), _avatar(near, audio=True, action=True))
    job = next(iter(running.backend.jobs.values()))
    assert job["audio_source_type"] == "AUDIO"
    assert {"audio", "action_video"} <= set(_stored(running))


def test_pictures_before_and_after_retouching_go_where_the_order_says(near: Path, running: Emulator) -> None:
    manifest = json.loads(_avatar(near).read_text(encoding="utf-8"))
    extra = [made.asset("image", "id-card", [made.output(near, f"{n}.jpg", n.encode())]) for n in ("before", "after")]
    whole = made.write(near, "metastudio/avatar-training", [*manifest["assets"], *extra])
    places = {"before.jpg": "pre_beauty_image", "after.jpg": "post_beauty_image"}
    made.deliver(Avatar(made.api(running), ORDER | {"files": places}, flexus=False), whole)
    assert {"pre_beauty_image", "post_beauty_image"} <= set(_stored(running))


def test_the_international_site_has_a_region_of_its_own(running: Emulator) -> None:
    settings = {k: v for k, v in running.settings().items() if "REGION" not in k}
    for abroad, region in ((True, "ap-southeast-3"), (False, "cn-north-4")):
        assert Api(Secrets(environment=settings), made.QUICK, None, None, abroad=abroad).region == region


def test_a_part_that_no_attempt_delivered_is_not_confirmed_and_goes_again(near: Path, running: Emulator) -> None:
    manifest = _avatar(near)
    running.backend.faults.order("PUT /obs", "500", times=4)
    told = made.deliver(Avatar(made.api(running), ORDER, flexus=False), manifest)
    assert made.statuses(told) == {"failed": 4}
    assert "put training_video 1" in told[0]["message"]
    assert _stored(running) == {}
    assert made.statuses(made.deliver(Avatar(made.api(running), ORDER, flexus=False), manifest)) == {"sent": 4}
    assert _stored(running) == SLOTS


def test_again_it_is_skipped(near: Path, running: Emulator) -> None:
    manifest = _avatar(near)
    made.deliver(Avatar(made.api(running), ORDER, flexus=False), manifest)
    told = made.deliver(Avatar(made.api(running), ORDER, flexus=False), manifest)
    assert made.statuses(told) == {"skipped": 4}
    assert len(running.backend.jobs) == 1


@pytest.mark.parametrize("spelling", ["UPLOAD", "UPLOADED"])
def test_both_spellings_of_the_commands(near: Path, running: Emulator, spelling: str) -> None:
    order = ORDER | {"multipart_commands": spelling}
    assert made.deliver(Avatar(made.api(running), order, flexus=False), _avatar(near))[0]["status"] == "sent"


def test_a_flexus_job_says_what_kind_of_voice(near: Path, running: Emulator) -> None:
    with pytest.raises(UsageError, match="job_tag"):
        Avatar(made.api(running), ORDER, flexus=True)
    order = ORDER | {"job_tag": "NEWS", "sex": "FEMALE"}
    place = Avatar(made.api(running), order, flexus=True)
    body = place._body(place.units([])[0] if place.units([]) else _unit(near, place), _slots(near, place))
    assert body["voice_properties"] == {"job_tag": "NEWS", "sex": "FEMALE", "language": "CN"}
    assert body["model_version"] == "V3.2"


def _unit(near: Path, place: Avatar) -> Any:
    return place.units(made.items_of(_avatar(near)))[0]


def _slots(near: Path, place: Avatar) -> Any:
    return place.slots(_unit(near, place).items)


def test_a_job_without_its_papers_is_not_begun(near: Path, running: Emulator) -> None:
    asset = made.asset("video", "video", [made.output(near, "take.mp4", b"video")])
    manifest = made.write(near, "metastudio/avatar-training", [asset])
    with pytest.raises(UsageError, match="id_card_image1"):
        made.deliver(Avatar(made.api(running), ORDER, flexus=False), manifest)
    assert running.backend.jobs == {}


@pytest.mark.every(5)
@pytest.mark.parametrize(
    ("call", "kind"), made.ways("POST /v1/sandboxproject/digital-human", "PUT /obs", "GET /v1", "/command")
)
def test_an_avatar_job_through_a_bad_network(near: Path, running: Emulator, call: str, kind: str) -> None:
    running.backend.faults.order(call, kind, 1)
    told = made.deliver(Avatar(made.api(running), ORDER, flexus=False), _avatar(near))
    assert made.statuses(told) == {"sent": 4}
    assert _stored(running) == SLOTS
    assert len(running.backend.jobs) == 1, "a job was left behind"


def test_an_avatar_job_killed_anywhere_is_one_job(
    near: Path, running: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = made.until_done(lambda: Avatar(made.api(running), ORDER, flexus=False), _avatar(near), monkeypatch)
    assert rows > 5
    assert len(running.backend.jobs) == 1
    assert _stored(running) == SLOTS


# --- voice ----------------------------------------------------------------------------------------------


def _voice(near: Path) -> tuple[Path, dict[str, Any]]:
    letter = near / "letter.pdf"
    letter.write_bytes(b"letter")
    asset = made.asset("archive", "package", [made.output(near, "voice.zip", b"PK" * 9000)])
    return made.write(near, "metastudio/voice-basic", [asset]), VOICE | {"letter": str(letter)}


HELD = {"package": made.md5(b"PK" * 9000), "letter": made.md5(b"letter")}


@pytest.mark.parametrize(("edition", "path"), [("basic", "basic"), ("middle", "middle"), ("advanced", "advance")])
def test_a_voice_job_of_each_edition(near: Path, running: Emulator, edition: str, path: str) -> None:
    manifest, order = _voice(near)
    told = made.deliver(Voice(made.api(running), order, edition), manifest)
    assert (told[0]["status"], told[0]["ids"]["state"]) == ("sent", "AUDITING")
    assert _stored(running) == HELD
    assert any(f"/{path}-jobs" in call for call in running.backend.calls)


def test_a_voice_job_again_is_skipped(near: Path, running: Emulator) -> None:
    manifest, order = _voice(near)
    made.deliver(Voice(made.api(running), order, "basic"), manifest)
    assert made.deliver(Voice(made.api(running), order, "basic"), manifest)[0]["status"] == "skipped"
    assert len(running.backend.jobs) == 1


def test_a_voice_job_wants_its_letter(near: Path, running: Emulator) -> None:
    with pytest.raises(UsageError, match="letter"):
        Voice(made.api(running), VOICE, "basic")
    manifest, order = _voice(near)
    (near / "letter.pdf").unlink()
    with pytest.raises(UsageError, match=r"letter\.pdf: No such file"):
        made.deliver(Voice(made.api(running), order, "basic"), manifest)
    assert running.backend.calls == []


@pytest.mark.every(5)
@pytest.mark.parametrize(("call", "kind"), made.ways("basic-jobs", "PUT /obs", "GET /v1", "POST /v1"))
def test_a_voice_job_through_a_bad_network(near: Path, running: Emulator, call: str, kind: str) -> None:
    running.backend.faults.order(call, kind, 1)
    manifest, order = _voice(near)
    told = made.deliver(Voice(made.api(running), order, "basic"), manifest)
    if kind == "forget":  # the platform notices at submission, and says so
        assert "MSS.200200" in told[0]["message"]
        told = made.deliver(Voice(made.api(running), order, "basic"), manifest)
    assert told[0]["status"] == "sent"
    assert _stored(running) == HELD
    assert len(running.backend.jobs) == 1


def test_a_voice_job_killed_anywhere_is_one_job(near: Path, running: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest, order = _voice(near)
    made.until_done(lambda: Voice(made.api(running), order, "basic"), manifest, monkeypatch)
    assert len(running.backend.jobs) == 1
    assert _stored(running) == HELD


# --- sentence by sentence -------------------------------------------------------------------------------


def _sentences(near: Path, count: int = 20, bad: int = -1) -> tuple[Path, dict[str, Any]]:
    """A package of so many recordings and texts; the platform hears something else in the bad one."""
    _, order = _voice(near)
    with zipfile.ZipFile(near / "take.zip", "w") as package:
        for number in range(count):
            package.writestr(f"{number}.wav", b"RIFF%d" % number)
            package.writestr(f"{number}.txt", "mismatch" if number == bad else f"sentence {number}")
    output = made.output(near, "take.zip", (near / "take.zip").read_bytes())
    manifest = made.write(near, "metastudio/voice-basic", [made.asset("archive", "package", [output])])
    return manifest, order | {"create_type": "SEGMENT"}


SPOKEN = {f"{number}.wav": made.md5(b"RIFF%d" % number) for number in range(20)}
SPOKEN |= {f"{number}.txt": made.md5(b"sentence %d" % number) for number in range(20)}
SPOKEN |= {"letter": made.md5(b"letter")}


def test_sentences_go_one_by_one_each_confirmed_before_the_next(near: Path, running: Emulator) -> None:
    manifest, order = _sentences(near)
    told = made.deliver(Voice(made.api(running), order, "basic"), manifest)
    assert (told[0]["status"], told[0]["ids"]["state"]) == ("sent", "AUDITING")
    assert _stored(running) == SPOKEN
    steps = [call.split()[1].rsplit("-", 1)[-1] for call in running.backend.calls if call.startswith(("PUT", "POST"))]
    assert steps[1:7] == ["0.wav", "0.txt", "segment", "1.wav", "1.txt", "segment"]


def test_a_sentence_the_platform_hears_otherwise_is_named_and_goes_again(near: Path, running: Emulator) -> None:
    manifest, order = _sentences(near, bad=2)
    told = made.deliver(Voice(made.api(running), order, "basic"), manifest)
    assert "sentence 2" in told[0]["message"]
    assert "3, 4" in told[0]["message"]
    (job,) = running.backend.jobs.values()
    assert job["confirmed"] == [0, 1]


def test_sentences_through_a_bad_network(near: Path, tmp_path: Path) -> None:
    manifest, order = _sentences(near)
    with made.emulator(tmp_path / "bad", faults=Faults(rate=0.15, seed=3, slow=0.01)) as running:
        made.deliver(Voice(made.api(running), order, "basic"), manifest)
        running.backend.faults.rate = 0.0
        assert made.deliver(Voice(made.api(running), order, "basic"), manifest)[0]["status"] in ("sent", "skipped")
        assert _stored(running) == SPOKEN
        assert len(running.backend.jobs) == 1


def test_sentences_are_for_basic_and_middle_jobs(near: Path, running: Emulator) -> None:
    manifest, order = _sentences(near)
    with pytest.raises(UsageError, match="advanced"):
        Voice(made.api(running), order, "advanced")
    place = Voice(made.api(running), order, "basic")
    planned = place.plan(place.units(made.items_of(manifest))[0])
    assert sum("training-segment?job_id={job_id}&index=" in call for call in planned) == 20
    assert sum(call.startswith("PUT") for call in planned) == 41


def test_what_review_finds_in_a_voice_is_told(near: Path, running: Emulator) -> None:
    manifest, order = _voice(near)
    told = made.deliver(Voice(made.api(running), order | {"voice_name": "failme"}, "basic"), manifest)
    assert "AUDIT_FAILED" in told[0]["message"]
    assert "3.wav 3.txt MSS.20020028: recording and text do not match" in told[0]["message"]


@pytest.mark.parametrize("kind", ["none", "lost-answer", "500", "429"])
def test_a_refused_avatar_gets_its_files_anew(near: Path, running: Emulator, kind: str) -> None:
    told = made.deliver(Avatar(made.api(running), {"name": "failme"}, flexus=False), _avatar(near))
    (job,) = running.backend.jobs
    assert "AUTO_VERIFY_FAILED: the footage is too dark" in told[0]["message"]
    assert f'job_id = "{job}"' in told[0]["message"]
    if kind != "none":
        running.backend.faults.order("PUT /v1", kind, 1)
    manifest = _avatar(near, take=b"brighter" * 9000)
    order = ORDER | {"job_id": job}
    told = made.deliver(Avatar(made.api(running), order, flexus=False), manifest)
    assert made.statuses(told) == {"sent": 4}
    assert len(running.backend.jobs) == 1
    assert _stored(running)["training_video"] == made.md5(b"brighter" * 9000)
    assert kind == "lost-answer" or list(running.backend.jobs) == [job]


# --- what the documents say of commands, sides and sentences --------------------------------------------


def _named(near: Path, first: str, second: str) -> Path:
    manifest = json.loads(_avatar(near).read_text(encoding="utf-8"))
    assets = [asset for asset in manifest["assets"] if asset["role"] != "id-card"]
    cards = [made.asset("image", "id-card", [made.output(near, n, n.encode())]) for n in (first, second)]
    return made.write(near, "metastudio/avatar-training", [*assets[:1], *cards, *assets[1:]])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("back.jpg", "front.jpg"),
        ("idcard_back.jpg", "scan2.jpg"),
        ("身份证反面.jpg", "身份证正面.jpg"),
        ("国徽面.png", "人像面.png"),
        ("b_reverse.png", "a_obverse.png"),
    ],
)
def test_the_sides_of_an_identity_card_are_told_by_their_names(
    near: Path, running: Emulator, first: str, second: str
) -> None:
    """Table 8-6: image 1 is the front, image 2 the back; the first of the manifest is the back here."""
    made.deliver(Avatar(made.api(running), ORDER, flexus=False), _named(near, first, second))
    stored = _stored(running)
    assert stored["id_card_image2"] == made.md5(first.encode())
    assert stored["id_card_image1"] == made.md5(second.encode())


@pytest.mark.parametrize(
    ("first", "second"),
    [("a.jpg", "b.jpg"), ("front1.jpg", "front2.jpg"), ("front_back.jpg", "scan.jpg"), ("1.jpg", "2.jpg")],
)
def test_sides_that_no_name_tells_are_asked_for(near: Path, running: Emulator, first: str, second: str) -> None:
    with pytest.raises(UsageError, match=r"training\.files"):
        made.deliver(Avatar(made.api(running), ORDER, flexus=False), _named(near, first, second))
    assert running.backend.calls == []
    order = ORDER | {"files": {first: "id_card_image2"}}
    made.deliver(Avatar(made.api(running), order, flexus=False), _named(near, first, second))
    assert _stored(running)["id_card_image2"] == made.md5(first.encode())


def test_a_command_that_was_not_done_is_no_success_whatever_its_status(near: Path, running: Emulator) -> None:
    """Table 8-51: EXCUTE_FAILED comes with 200."""
    told = made.deliver(Avatar(made.api(running), {"name": "nosubmit"}, flexus=False), _avatar(near))
    assert made.statuses(told) == {"failed": 4}
    assert "EXCUTE_FAILED: the queue is full" in told[0]["message"]
    assert len(running.backend.jobs) == 1, "the job with its files stays for the next run"


def test_a_lost_answer_to_a_part_is_looked_up_by_its_number_as_a_text(near: Path, running: Emulator) -> None:
    """Table 8-52: part_number is a text. What is held goes no second time, and the job is not made anew."""
    running.backend.faults.order("PUT /obs", "lost-answer")
    made.deliver(Avatar(made.api(running), ORDER, flexus=False), _avatar(near))
    assert set(running.backend.stored.values()) == {1}
    assert len(running.backend.jobs) == 1


@pytest.mark.parametrize(("decision", "state"), [("ACCEPT", "JOB_FINISH"), ("REJECT", "JOB_REJECT")])
def test_a_result_waits_for_a_person_and_the_decision_is_told(
    near: Path, running: Emulator, decision: str, state: str
) -> None:
    manifest, order = _avatar(near), {"name": "confirmme"}
    told = made.deliver(Avatar(made.api(running), order, flexus=False), manifest)
    for _ in range(3):
        told = made.deliver(Avatar(made.api(running), order, flexus=False), manifest)
    assert told[0]["status"] == "waiting"
    assert "decision" in told[0]["message"]
    order |= {"decision": decision, "comment": "seen"}
    told = made.deliver(Avatar(made.api(running), order, flexus=False), manifest)
    assert told[0]["ids"]["state"] == state


def test_a_voice_needs_neither_tag_nor_sex(near: Path, running: Emulator) -> None:
    """Table 9-3: both are optional."""
    manifest, order = _voice(near)
    order = {key: value for key, value in order.items() if key not in ("tag", "sex")}
    assert made.deliver(Voice(made.api(running), order, "basic"), manifest)[0]["status"] == "sent"


def test_a_voice_is_found_behind_more_than_a_hundred_others(near: Path, running: Emulator) -> None:
    """9.4 has no query for the batch name: every page of the list is looked through."""
    manifest, order = _voice(near)
    made.deliver(Voice(made.api(running), order, "basic"), manifest)
    (mine,) = running.backend.jobs.items()
    others = {
        f"v{n}": {"job_id": f"v{n}", "voice_name": "voice", "batch_name": "x", "state": "FAILED"} for n in range(230)
    }
    running.backend.jobs = others | dict([mine])
    for file in near.glob(".preflight-upload*"):
        file.unlink()
    assert made.deliver(Voice(made.api(running), order, "basic"), manifest)[0]["status"] == "skipped"
    assert len(running.backend.jobs) == 231


@pytest.mark.parametrize(("count", "index", "found"), [(1, 7, "u0"), (20, 7, "u7"), (5, 7, None)])
def test_the_address_of_a_sentence_in_an_array(count: int, index: int, found: str | None) -> None:
    """Table 9-44: arrays, of one address or of all."""
    urls = [f"u{number}" for number in range(count)]
    if found is None:
        with pytest.raises(UploadError, match="Table 9-44"):
            _of_sentence(urls, index, "audio_uploading_url")
    else:
        assert _of_sentence(urls, index, "audio_uploading_url") == found
