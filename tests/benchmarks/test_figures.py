"""What a benchmark run says of itself: ratios, regressions, percentiles, and the page. Nothing is timed here."""

import pytest
from benchmarks import scale
from benchmarks.__main__ import compare, write
from benchmarks.figures import Figure, Result, cost, dump, load, percentile, regressions, slope
from benchmarks.report import number, plot, table


def run(*figures: Figure, version: str = "1") -> Result:
    return Result(version, "quick", {"cores": 2}, figures, {"a-curve": [[0.0, 1.0], [1.0, 2.0]]})


def measured(*values: float, floor: float = 1.0, more: bool = False) -> Result:
    return run(
        Figure("floor", "the floor", "ms", (floor,), more),
        Figure("work", "the work", "ms", values, more, None, "floor"),
    )


def test_a_cost_is_how_many_times_the_floor_whichever_way_the_figure_counts():
    slow = Figure("work", "", "ms", (6.0,))
    assert cost(slow, Figure("floor", "", "ms", (2.0,))).median == 3
    few = Figure("work", "", "/s", (100.0,), more=True)
    assert cost(few, Figure("floor", "", "/s", (400.0,), more=True)).median == 4


def test_work_that_costs_a_third_more_of_the_floor_is_a_regression():
    assert [one.name for one in regressions(measured(3.0, 3.1), measured(4.2, 4.3))] == ["work"]


def test_a_slower_machine_is_no_regression():
    assert regressions(measured(3.0), measured(9.0, floor=3.0)) == []


def test_what_lies_within_the_spread_of_the_repeats_is_no_regression():
    assert regressions(measured(2.0, 3.0, 6.0), measured(5.0, 5.1)) == []


def test_fewer_a_second_is_a_regression_when_more_is_better():
    before, now = measured(3_000.0, floor=9_000.0, more=True), measured(2_000.0, floor=9_000.0, more=True)
    assert [one.name for one in regressions(before, now)] == ["work"]
    assert regressions(now, before) == []


def test_a_count_is_compared_by_itself_and_a_time_without_a_floor_is_not():
    assert regressions(run(Figure("writes", "", "count", (1.0,))), run(Figure("writes", "", "count", (2.0,))))
    assert not regressions(run(Figure("took", "", "s", (1.0,))), run(Figure("took", "", "s", (9.0,))))


def test_compare_answers_1_only_for_a_regression(capsys):
    assert compare(measured(3.0), measured(9.0)) == 1
    assert "work: was 3.00 times the floor, is 9.00" in capsys.readouterr().out
    assert compare(measured(9.0), measured(3.0)) == 0


def test_a_run_survives_its_json():
    result = measured(1.0, 2.0)
    assert load(dump(result)) == result


def test_another_file_is_refused():
    with pytest.raises(ValueError, match="format 1"):
        load(b"[]")


def test_a_percentile_is_a_value_that_was_measured():
    hundred = [float(one) for one in range(1, 101)]
    assert [percentile(hundred, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    assert percentile([7.0], 0.5) == 7
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 0.5)


def test_the_slope_leaves_out_the_warming_up():
    assert slope([[0, 0], [1, 100], [2, 100], [3, 100]]) == 0
    assert slope([[0, 0], [1, 0], [2, 10], [3, 12]]) == pytest.approx(2)


def test_the_table_says_what_missed_its_target():
    late = Figure("work", "the work", "ms", (3.0,), False, 2.0)
    few = Figure("rate", "the rate", "/s", (3.0,), True, 2.0)
    lines = table(run(late, few))
    assert "≤ 2 | **no**" in lines[2]
    assert "≥ 2 | yes" in lines[3]


def test_numbers_keep_the_digits_that_mean_something():
    assert [number(value) for value in (0.0, 0.01234, 3.14159, 1234.5)] == ["0", "0.0123", "3.14", "1,234"]


def test_a_plot_escapes_its_words_and_bears_an_empty_curve():
    assert "&lt;b&gt;" in plot("<b>", [])


def test_the_page_and_its_plots_are_written_together(tmp_path):
    write(measured(1.0), tmp_path)
    assert "plots/a-curve.svg" in (tmp_path / "performance.md").read_text(encoding="utf-8")
    assert (tmp_path / "plots" / "a-curve.svg").read_text(encoding="utf-8").startswith("<svg")


def measured_whole(**other: float) -> Result:
    """A run with every figure that the page on scale rests on."""
    values = {
        "storm.tens.1000.cpu": 9.0,
        "storm.tens.20000.cpu": 0.25,
        "storm.tens.20000.rate": 3_000.0,
        "storm.single.20000.cpu": 0.5,
        "storm.single.20000.rate": 1_500.0,
        "floor.commits": 9_000.0,
        "floor.commits.alone": 500.0,
        "floor.bare.single.cpu": 0.1,
        "journal.verify": 100_000.0,
        **{f"growth.{size}.{what}": 1.0 for size in (10, 20) for what in ("cpu", "idle", "resident", "start")},
        **other,
    }
    return run(*(Figure(name, name, "", (value,)) for name, value in values.items()))


def test_the_page_on_scale_adds_up_what_the_run_measured():
    text = scale.page(measured_whole(**{"growth.20.cpu": 1.5}))
    assert "one core carries 4,000 a second" in text, "of the largest storm, not of the first"
    assert "2.5 seconds" in text.replace("\n", " ")
    assert "Over 20 an alert cost 1.50 times what it cost over 10" in text
    assert "hence 50 s for five" in text
    assert "PostgreSQL was not there" in text


def test_the_page_on_scale_says_that_the_cores_end_the_fleet_not_the_journal():
    one = {"fleet.1.rate": 1_000.0, "fleet.1.cpu": 0.4, "fleet.1.store": 0.1, "fleet.1.head": 0.0}
    two = {"fleet.2.rate": 1_500.0, "fleet.2.cpu": 0.3, "fleet.2.store": 0.2, "fleet.2.head": 1.0}
    text = scale.page(measured_whole(**one, **two, **{"floor.postgres": 2_000.0}))
    assert "2 workers reach 1.50 times what 1 reaches" in text
    assert "cannot pass 4,000 a second" in text


def test_a_run_of_a_few_subjects_leaves_the_page_on_scale_as_it_was(tmp_path, capsys):
    write(measured(1.0), tmp_path)
    assert not (tmp_path / "scale.md").exists()
    assert "no figure" in capsys.readouterr().err
