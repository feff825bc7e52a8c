from hl7calf.console.throttle import FIRST_PAUSE_S, FORGET_AFTER_S, FREE_TRIES, LONGEST_PAUSE_S, MOST_KEPT, Throttle


def fail(throttle: Throttle, times: int, user: str = "otto", address: str = "10.0.0.1", now: float = 0.0) -> None:
    for _ in range(times):
        throttle.failed(user, address, now)


def test_the_first_tries_are_free() -> None:
    throttle = Throttle()
    fail(throttle, FREE_TRIES - 1)
    assert throttle.pause_s("otto", "10.0.0.1", 0.0) == 0.0


def test_then_the_pause_doubles_up_to_the_longest() -> None:
    throttle = Throttle()
    pauses = []
    for number in range(14):
        throttle.failed("otto", "10.0.0.1", 0.0)
        if number >= FREE_TRIES - 1:
            pauses.append(throttle.pause_s("otto", "10.0.0.1", 0.0))
    assert pauses[:3] == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S]
    assert pauses[-1] == LONGEST_PAUSE_S


def test_the_pause_ends() -> None:
    throttle = Throttle()
    fail(throttle, FREE_TRIES)
    assert throttle.pause_s("otto", "10.0.0.1", FIRST_PAUSE_S - 1) > 0
    assert throttle.pause_s("otto", "10.0.0.1", FIRST_PAUSE_S) == 0


def test_another_address_does_not_help_against_one_account() -> None:
    throttle = Throttle()
    for number in range(FREE_TRIES):
        throttle.failed("otto", f"10.0.0.{number}", 0.0)
    assert throttle.pause_s("otto", "10.9.9.9", 0.0) > 0


def test_one_address_may_not_try_many_names() -> None:
    throttle = Throttle()
    for number in range(FREE_TRIES * 4):
        throttle.failed(f"user{number}", "10.0.0.1", 0.0)
    assert throttle.pause_s("somebody", "10.0.0.1", 0.0) > 0
    assert throttle.pause_s("somebody", "10.0.0.2", 0.0) == 0


def test_success_frees_the_name_but_not_the_address() -> None:
    throttle = Throttle()
    fail(throttle, FREE_TRIES * 4)
    throttle.succeeded("otto", "10.0.0.1")
    assert throttle.pause_s("otto", "10.0.0.2", 0.0) == 0
    assert throttle.pause_s("otto", "10.0.0.1", 0.0) > 0


def test_failures_are_forgotten_after_an_hour() -> None:
    throttle = Throttle()
    fail(throttle, 50)
    assert throttle.pause_s("otto", "10.0.0.1", FORGET_AFTER_S + 1) == 0
    throttle.failed("otto", "10.0.0.1", FORGET_AFTER_S + 1)
    assert throttle.pause_s("otto", "10.0.0.1", FORGET_AFTER_S + 1) == 0


def test_strangers_cannot_fill_the_memory() -> None:
    throttle = Throttle()
    for number in range(2 * MOST_KEPT):
        throttle.failed(f"user{number}", f"address{number}", 0.0)
    assert len(throttle._failures) == MOST_KEPT


def test_the_pauses_are_those_that_the_documentation_tells() -> None:
    from hl7calf.console import throttle

    kept = (throttle.FREE_TRIES, throttle.FIRST_PAUSE_S, throttle.LONGEST_PAUSE_S, throttle.FORGET_AFTER_S)
    assert kept == (5, 15.0, 15 * 60.0, 3600.0)
