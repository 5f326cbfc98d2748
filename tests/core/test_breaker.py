"""The circuit breaker."""

import pytest

from core.breaker import Breaker


def test_service_that_answers_is_tried_by_every_caller():
    breaker = Breaker(retry_s=60)

    with breaker.trying(TimeoutError):
        assert breaker.admits()
    with pytest.raises(ValueError, match="refused"), breaker.trying(TimeoutError):
        raise ValueError("refused")

    assert [breaker.admits() for _ in range(3)] == [True] * 3


def test_silent_service_is_tried_by_nobody_for_a_while():
    breaker = Breaker(retry_s=60)

    with pytest.raises(TimeoutError), breaker.trying(TimeoutError):
        raise TimeoutError

    assert not breaker.admits()


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_interrupted_try_leaves_the_breaker_as_it_was(interrupt):
    silent, answering = Breaker(retry_s=0), Breaker(retry_s=0)
    silent.open()

    for breaker in (silent, answering):
        assert breaker.admits()
        with pytest.raises(interrupt), breaker.trying(TimeoutError):
            raise interrupt

    assert [silent.admits() for _ in range(3)] == [True, False, False]
    assert [answering.admits() for _ in range(3)] == [True] * 3


def test_service_is_tried_by_one_caller_at_a_time_until_it_answers():
    breaker = Breaker(retry_s=0)
    breaker.open()

    assert [breaker.admits() for _ in range(3)] == [True, False, False]
    breaker.open()
    assert [breaker.admits() for _ in range(3)] == [True, False, False]
    breaker.close()
    assert [breaker.admits() for _ in range(3)] == [True] * 3
