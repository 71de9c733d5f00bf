"""The triage by the AI Act: golden cases, and rules that all say where they come from."""

from datetime import date
from itertools import combinations
from pathlib import Path

import pytest

from notebooks.ai_act import NOTE, AiActError, Rules, rules, triage
from spawners.model_file import read_model

# What is the case → the category, and the articles in their order.
GOLDEN = [
    (set(), "minimal", ["Article 4"]),
    ({"military_only", "biometrics"}, "excluded", ["Article 2(3)"]),
    ({"research_only", "medical_device", "generates"}, "excluded", ["Article 2(6) and 2(8)"]),
    ({"social_scoring", "credit"}, "prohibited", ["Article 5(1)(c)", "Article 6(2), Annex III 5(b)", "Article 4"]),
    ({"emotions_at_work"}, "prohibited", ["Article 5(1)(f)", "Article 4"]),
    ({"work"}, "high-risk", ["Article 6(2), Annex III 4", "Article 4"]),
    ({"work", "narrow_task"}, "minimal", ["Article 6(3) and 6(4)", "Article 4"]),
    ({"education", "talks_to_people"}, "high-risk", ["Article 6(2), Annex III 3", "Article 50(1)", "Article 4"]),
    ({"medical_device", "narrow_task"}, "high-risk", ["Article 6(1), Annex I A", "Article 6(3) and 6(4)", "Article 4"]),
    ({"infrastructure"}, "high-risk", ["Article 6(2), Annex III 2", "Article 4"]),
    ({"vehicle_or_machine"}, "high-risk", ["Article 6(1) and 2(2), Annex I B", "Article 4"]),
    (
        {"talks_to_people", "generates", "deepfake"},
        "transparency",
        ["Article 50(1)", "Article 50(2)", "Article 50(4)", "Article 4"],
    ),
]


@pytest.mark.parametrize(("facts", "category", "articles"), GOLDEN, ids=lambda value: None)
def test_golden_cases(facts: set[str], category: str, articles: list[str]) -> None:
    found = triage(facts)

    assert (found.category, [one.article for one in found.findings]) == (category, articles)


def test_dates_are_those_of_the_calendar() -> None:
    dates = {fact: triage({fact}).findings[0].applies for fact in ("credit", "medical_device", "generates")}

    assert dates == {
        "credit": date(2027, 12, 2),
        "medical_device": date(2028, 8, 2),
        "generates": date(2026, 8, 2),
    }


def test_every_fact_leads_to_a_finding_of_its_own() -> None:
    nothing = triage(()).findings

    assert [fact for fact in rules().facts if triage({fact}).findings == nothing] == []


def test_one_more_fact_never_makes_it_milder_except_what_the_act_leaves_out() -> None:
    strictness = ("minimal", "transparency", "high-risk", "prohibited")
    facts = set(rules().facts) - {"military_only", "research_only", "narrow_task"}
    for one, other in combinations(sorted(facts), 2):
        both, alone = triage({one, other}).category, triage({one}).category
        assert strictness.index(both) >= strictness.index(alone)


def test_it_says_what_it_rests_on_and_what_it_is_not() -> None:
    text = str(triage({"work"}))

    assert text.startswith("high-risk\n- Article 6(2), Annex III 4, from 2 December 2027 (secondary source): ")
    assert text.endswith(f"As of 20 November 2026. {NOTE}")
    assert "their text was not read" in text


def test_no_source_is_called_primary_whose_text_was_not_read() -> None:
    said = {one.kind: "was not read" in one.title for one in rules().sources.values()}

    assert said.get("secondary", True)
    assert not said.get("primary", False)


@pytest.mark.parametrize("facts", [{"hiring"}, "work", ["work", 3]])
def test_an_unknown_fact_is_refused_with_those_there_are(facts: object) -> None:
    with pytest.raises(AiActError, match=r"is not that: choose of military_only, .*, deepfake\."):
        triage(facts)  # type: ignore[arg-type]


def test_rules_that_name_what_is_not_there_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    rule = "{category: minimal, when: [%s], article: a, applies: 2026-01-01, says: s, source: %s}"
    for fact, source, said in (("nope", "act", "nope is none of the facts"), ("work", "hearsay", "choose a source of")):
        path.write_text(
            "as_of: 2026-01-01\nleft_out: nothing\nsources: {act: {title: t, link: 'https://a.eu', kind: primary}}\n"
            f"facts: {{work: w}}\nrules:\n  - {rule % (fact, source)}\n"
        )
        with pytest.raises(AiActError, match=said):
            read_model(path, Rules, AiActError)
