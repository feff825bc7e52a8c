from hl7calf.console.drift import BASE_DAYS, FEWEST_MESSAGES, judge


def test_without_enough_days_before_there_is_no_band() -> None:
    judged = judge([(10, 1)] * 5)
    assert all(day.high is None and not day.unusual for day in judged)
    assert judged[0].rate == 0.1


def test_an_even_rate_is_usual() -> None:
    judged = judge([(100, 10)] * 40)
    assert not any(day.unusual for day in judged)
    assert judged[-1].low is not None
    assert judged[-1].high is not None
    assert judged[-1].low < 0.1 < judged[-1].high


def test_a_day_far_above_or_below_is_unusual() -> None:
    assert judge([(100, 10)] * 30 + [(100, 40)])[-1].unusual
    assert judge([(400, 80)] * 30 + [(400, 0)])[-1].unusual


def test_the_band_of_a_quiet_day_is_wide() -> None:
    busy = judge([(100, 10)] * 30 + [(400, 80)])[-1]
    quiet = judge([(100, 10)] * 30 + [(5, 1)])[-1]
    assert busy.unusual
    assert not quiet.unusual


def test_a_day_is_never_judged_by_itself_or_by_what_came_after() -> None:
    before = judge([(100, 10)] * 30 + [(100, 12)])[-1]
    after = judge([(100, 10)] * 30 + [(100, 12), (100, 90)])[-2]
    assert before == after


def test_the_base_is_the_four_weeks_before() -> None:
    long_ago = [(100, 90)] * 5
    assert (
        judge([*long_ago, *[(100, 10)] * BASE_DAYS, (100, 10)])[-1] == judge([*[(100, 10)] * BASE_DAYS, (100, 10)])[-1]
    )


def test_a_day_without_messages_has_no_rate() -> None:
    judged = judge([(FEWEST_MESSAGES, 5), (0, 0)])
    assert judged[1].rate is None
    assert not judged[1].unusual


def test_the_limits_are_those_of_the_handbook() -> None:
    # p = 0.1 over 2,800 messages; n = 100: 0.1 +- 3 * sqrt(0.09 * (1/100 + 1/2800))
    day = judge([(100, 10)] * 29)[-1]
    assert day.high is not None
    assert abs(day.high - 0.191593) < 1e-5
    assert day.low is not None
    assert abs(day.low - 0.008407) < 1e-5
