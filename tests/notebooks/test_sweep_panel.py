"""The panel of a sweep: what it shows of members, and that nothing of theirs becomes a page's own."""

from pathlib import Path

from notebooks.sweep_panel import members_table, plot
from spawners.sweep import Member


def member(name: str, state: str = "COMPLETED", *, loss: float | None = None, **parameters: object) -> Member:
    values = {} if loss is None else {"loss": loss}
    said = "boom <b>" if state == "FAILED" else ""
    return Member(name=name, folder=Path("/x"), parameters=parameters, state=state, values=values, sentence=said)


def test_failed_members_come_first_with_their_reason() -> None:
    shown = members_table([member("0001", loss=0.25, rate=0.1), member("0002", "FAILED", rate="<i>")])
    assert shown.index("0002") < shown.index("0001")
    assert "FAILED. boom &lt;b&gt;" in shown
    assert "<i>" not in shown
    assert "0.25" in shown


def test_the_plot_is_over_the_parameter_with_most_numbers() -> None:
    several = [member(str(number), loss=1 / number, rate=0.1 * number, deep=True, seed=1) for number in (1, 2, 3)]
    assert 'aria-label="loss of 3 members over rate"' in plot(several)
    assert "10^{" not in plot(several)
    assert "10^{" in plot([member(str(number), loss=0.5, rate=10.0**-number) for number in (1, 2, 3)])
    assert "svg" in plot([member("1", loss=0.5, rate=0.1), member("2", loss=0.5, rate="most")])
    assert plot([member("1", rate=0.1)]) == ""
    assert plot([member("1", loss=0.5, kind="a")]) == ""


def test_only_so_many_rows_are_shown() -> None:
    assert "and 10 more" in members_table([member(f"{number:04}", loss=0.1) for number in range(60)])
