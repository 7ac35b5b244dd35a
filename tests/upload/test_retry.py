"""Trying again: how often, what is said at the end, how long between."""

from __future__ import annotations

import time

import pytest

from pipeline.errors import UploadError
from pipeline.upload.retry import Patience, Retryable, Waiting, retry


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was slept, in seconds, on a clock that stands still otherwise."""
    spent: list[float] = []
    monkeypatch.setattr(time, "sleep", spent.append)
    monkeypatch.setattr(time, "monotonic", lambda: sum(spent))
    return spent


def _error(number: int) -> UploadError:
    return UploadError(f"attempt {number}", f"第 {number} 次")


@pytest.mark.parametrize("good", [1, 2, 3])
def test_it_ends_with_the_first_attempt_that_succeeds(slept: list[float], good: int) -> None:
    def attempt(number: int) -> str:
        if number < good:
            raise Retryable(_error(number))
        return f"done at {number}"

    assert retry(Patience(attempts=3), attempt) == f"done at {good}"
    assert len(slept) == good - 1


def test_the_last_error_is_said_and_nothing_is_waited_for_after_it(slept: list[float]) -> None:
    def attempt(number: int) -> None:
        raise Retryable(_error(number))

    with pytest.raises(UploadError, match=r"^attempt 4$"):
        retry(Patience().times(4), attempt)
    assert len(slept) == 3


def test_what_no_attempt_can_mend_is_said_at_once(slept: list[float]) -> None:
    asked = []

    def attempt(number: int) -> None:
        asked.append(number)
        raise _error(number)

    with pytest.raises(UploadError, match=r"^attempt 1$"):
        retry(Patience(), attempt)
    assert (asked, slept) == ([1], [])


def test_what_may_be_done_at_once_is_not_waited_for(slept: list[float]) -> None:
    def attempt(number: int) -> int:
        if number < 3:
            raise Retryable(_error(number), at_once=True)
        return number

    assert retry(Patience(), attempt) == 3
    assert slept == []


def test_pauses_double_up_to_the_cap_and_are_shortened_by_at_most_half(slept: list[float]) -> None:
    patience = Patience(attempts=8, first=0.5, cap=4.0)
    for number in range(1, 8):
        patience.pause(number)
    for pause, full in zip(slept, (0.5, 1, 2, 4, 4, 4, 4), strict=True):
        assert full / 2 <= pause <= full


@pytest.mark.parametrize(("seconds", "looks"), [(0, 0), (0.2, 1), (1.0, 4)])
def test_waiting_ends_when_its_time_is_over_and_not_later(slept: list[float], seconds: float, looks: int) -> None:
    # 0.2 + 0.3 + 0.45 = 0.95, and what is left of 1 s
    waiting = Waiting(seconds)
    while not waiting.over():
        pass
    assert sum(slept) == pytest.approx(seconds)
    assert len(slept) == looks


def test_patience_is_not_changed() -> None:
    with pytest.raises(AttributeError):
        Patience().attempts = 1  # type: ignore[misc]  # it is frozen
