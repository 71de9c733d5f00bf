"""Sites: what comes with Onramp is complete and honest, and mistakes in a file are named with their line."""

import re
from itertools import takewhile
from pathlib import Path

import pytest
import yaml

from spawners.site import SITES, Site, SiteError, load_site, site_names

LOCAL = (SITES / "local.yaml").read_text()
# Systems elsewhere, of which everything was read and nothing was run.
ELSEWHERE = tuple(name for name in site_names() if name != "local")
# What needs no fact: what the file is, and what only some systems have.
NO_FACT = frozenset(("format", "name", "title", "tier", "notes", "facts", "sources", "hint", "resource_list"))
# What projects, awards and people's folders and addresses look like, and the examples that were invented.
PRIVATE = re.compile(
    r"\behpc[-\w]*\d[-\w]*"
    r"|\bAIFAC_\w+"
    r"|\bp\d{5,6}\b"
    r"|\bproject_\d+"
    r"|\btra\d\d_\w+"
    r"|\bnaiss\d[-\w]*"
    r"|/home/(?!\{|users/\{|userexternal/\{|usertrain\b|jusers/\{|plgrid/\{|GROUP\b)\w+"
    r"|[\w.+-]+@[\w-]+\.\w+",
    re.IGNORECASE,
)
INVENTED = frozenset(
    ("AIFAC_X00_000", "ehpc-aif-2026pg01-000", "p200000", "p70000", "project_465000001", "tra00_course")
)


def changed(old: str, new: str) -> str:
    """The text of local.yaml in which the first `old` became `new`."""
    assert old in LOCAL
    return LOCAL.replace(old, new, 1)


def refused(tmp_path: Path, text: str) -> str:
    """The message for a file of this text."""
    path = tmp_path / "site.yaml"
    path.write_text(text)
    with pytest.raises(SiteError) as raised:
        load_site(path)
    return str(raised.value).replace(str(path), "site.yaml")


def line(text: str, part: str) -> int:
    """The line on which the first `part` of a text stands."""
    return text[: text.index(part)].count("\n") + 1


@pytest.mark.parametrize("name", site_names())
def test_every_site_loads_under_its_own_name(name: str) -> None:
    assert load_site(name).name == name


def test_the_sites_that_come_along() -> None:
    enough_read = {
        *("mn5-acc", "leonardo", "lumi", "meluxina", "arrhenius", "hunter", "musica", "vsc5", "discoverer-plus"),
        *("jean-zay", "jupiter", "jureca-dc", "vega", "karolina", "snellius", "helios"),
    }

    assert set(site_names()) == {"local"} | enough_read


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_was_not_run_on_the_machine_is_not_called_verified(name: str) -> None:
    head = " ".join(takewhile(lambda text: text.startswith("#"), (SITES / f"{name}.yaml").read_text().splitlines()))

    assert not any(profile.verified for profile in load_site(name).profiles)
    assert "nothing was run there, so nothing is verified" in head


@pytest.mark.parametrize("name", ELSEWHERE)
def test_every_part_of_a_site_says_how_well_it_is_known(name: str) -> None:
    site = load_site(name)

    told = {"hint": site.hint is not None, "resource_list": bool(site.resource_list)}
    assert set(site.facts) == (Site.model_fields.keys() - NO_FACT) | {key for key, used in told.items() if used}
    assert site.tier in ("A", "B")


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_nobody_read_is_left_out(name: str) -> None:
    site = load_site(name)

    for key, fact in site.facts.items():
        if fact.confidence == "unknown":
            assert getattr(site, key) == Site.model_fields[key].default, key


@pytest.mark.parametrize("name", ELSEWHERE)
def test_how_memory_is_asked_for_is_known_or_not_and_never_the_models_guess(name: str) -> None:
    site = load_site(name)

    assert (site.memory.syntax is None) == (site.facts["memory"].confidence == "unknown")


@pytest.mark.parametrize("name", ELSEWHERE)
def test_every_source_is_public_or_unpublished_and_is_cited(name: str) -> None:
    site = load_site(name)

    for key, source in site.sources.items():
        assert source.ref == "unpublished" or re.match(r"https?://|github\.com/\w", source.ref), key
        assert source.ref != "unpublished" or source.kind in ("user", "secondary"), key
    assert {key for fact in site.facts.values() for key in fact.source} == set(site.sources)


@pytest.mark.parametrize("name", site_names())
def test_nothing_in_a_file_looks_like_a_real_project_award_or_person(name: str) -> None:
    found = {match[0] for match in PRIVATE.finditer((SITES / f"{name}.yaml").read_text())}

    assert found <= INVENTED


@pytest.mark.parametrize(
    "secret",
    [
        "ehpc999",
        "EHPC-AIF-2099PG01-999",
        "AIFAC_L99_999",
        "p299999",
        "p79999",
        "project_465999999",
        "tra99_course",
        "/home/somebody",
        "/gpfs/home/team/somebody",
        "naiss2099-9-999",
        "jane.doe@example.eu",
    ],
)
def test_what_is_private_would_be_found(secret: str) -> None:
    match = PRIVATE.search(f"account: {{ example: {secret} }}")

    assert match is not None
    assert match[0] not in INVENTED


@pytest.mark.parametrize("name", site_names())
def test_profiles_go_from_a_first_look_to_two_nodes(name: str) -> None:
    site = load_site(name)

    servers = [profile for profile in site.profiles if "server" in profile.purposes]
    assert any(profile.gpus for profile in servers)
    assert any(profile.nodes == 2 and profile.gpus for profile in site.profiles)
    assert all(profile.nodes == 1 for profile in servers)
    assert list(site.profiles) == sorted(site.profiles, key=lambda profile: profile.gpus)
    for profile in site.profiles:
        counted = re.match(r"gpu-(\d+)", profile.name)
        assert profile.gpus == (int(counted[1]) if counted else 0) or profile.name in ("gpu-debug", "gpu-mig")
        assert set(profile.purposes) <= {"run", "cluster"} or profile.nodes == 1


@pytest.mark.parametrize("name", site_names())
def test_fallbacks_lead_down_to_an_end(name: str) -> None:
    site = load_site(name)

    for profile in site.profiles:
        seen = [profile]
        while seen[-1].fallback is not None:
            seen.append(site.profile(seen[-1].fallback))
            assert seen[-1] not in seen[:-1]
            assert seen[-1].gpus <= seen[-2].gpus


@pytest.mark.parametrize("name", site_names())
def test_notes_are_few_and_end_like_sentences(name: str) -> None:
    notes = load_site(name).notes

    assert len(notes) <= 5
    assert all(note.endswith(".") for note in notes)


def test_an_unknown_site_lists_the_choices() -> None:
    with pytest.raises(SiteError, match=r"There is no site 'marconi'\. Choose from: arrhenius, .*local, lumi, .*vsc5"):
        load_site("marconi")


def test_a_name_is_never_a_path() -> None:
    with pytest.raises(SiteError, match="There is no site"):
        load_site("..")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match=r"gone\.yaml: cannot be read: .*No such file"):
        load_site(tmp_path / "gone.yaml")


def test_a_folder_and_bytes_that_are_no_text_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe")

    for path in (f"{tmp_path}/", tmp_path / "bytes.yaml"):
        with pytest.raises(SiteError, match="cannot be read"):
            load_site(path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            changed("scheduler: slurm", "scheduler: [slurm"),
            "site.yaml:6: is not YAML: did not find expected ',' or ']'",
        ),
        (
            changed("title: A", "title: !!python/object/apply:os.getcwd []\n#"),
            "site.yaml:4: is not YAML: could not det",
        ),
        (changed("title: A", "title: *nothing\n#"), "site.yaml:4: is not YAML: found undefined alias"),
        ("a\0b", "site.yaml: is not YAML: unacceptable character"),
        ("[" * 100_000, "site.yaml:1: is nested more than 50 deep"),
        ("\n".join(f"{' ' * n}a:" for n in range(100)), "site.yaml:51: is nested more than 50 deep"),
        ("", "site.yaml:1: the whole file: Input should be a valid dictionary"),
        ("- a list", "site.yaml:1: the whole file: Input should be a valid dictionary"),
        ("&a {facts: *a}", "site.yaml:1: "),
    ],
    ids=lambda text: ascii(text)[-30:],
)
def test_text_that_is_no_site_is_refused_with_its_line(tmp_path: Path, text: str, sentence: str) -> None:
    assert refused(tmp_path, text).startswith(sentence)


def test_a_key_that_stands_twice_is_refused_since_yaml_would_take_the_last(tmp_path: Path) -> None:
    text = changed("    time: 240\n", "    time: 240\n    time: 480\n")

    told = refused(tmp_path, text)

    assert told == f"site.yaml:{line(text, '    time: 480')}: time: stands here twice. Keep one"


def test_an_unknown_key_names_file_line_key_and_the_known_keys(tmp_path: Path) -> None:
    text = changed("    cpus_per_task: 2", "    ram: 3\n    cpus_per_task: 2")

    message = refused(tmp_path, text)

    known = (
        "Known here: constraint, cpus_per_task, description, display_name, fallback, gpus, idle, lanes, max_time, mem, "
    )
    assert message.startswith(f"site.yaml:{line(text, '    ram')}: profiles.0.ram: is not a known key. {known}")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("scheduler: slurm", "scheduler: lsf", "scheduler: Input should be 'slurm' or 'pbs' (found: 'lsf')"),
        (
            "syntax: mem ",
            "syntax: memory ",
            "memory.syntax: Input should be 'mem', 'mem-per-gpu' or 'none' (found: 'memory')",
        ),
        (
            "syntax: gres ",
            "syntax: gress ",
            "gpus.0.syntax: Input should be 'gres', 'shard', 'gpus', 'gpus-per-node', ",
        ),
        ("confidence: seen", "confidence: sure", "facts.partitions.confidence: Input should be 'seen', 'inferred', "),
        ("kind: ours", "kind: rumour", "sources.factory.kind: Input should be 'official', 'official-training', "),
        (
            "max_time: 480",
            "max_time: -5",
            "partitions.0.max_time: Input should be greater than or equal to 1 (found: -5)",
        ),
        ("max_nodes: 2", "max_nodes: many", "partitions.0.max_nodes: Input should be a valid integer"),
        ('home: "/home', 'home: "home', "paths.home: String should match pattern"),
        ('"/home/{user}"', '"/home/{somebody}"', "paths.home: String should match pattern"),
    ],
    ids=lambda text: text[:24],
)
def test_a_wrong_value_names_its_line_its_key_and_the_choices(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert refused(tmp_path, changed(old, new)).startswith(f"site.yaml:{line(LOCAL, old)}: {message}")


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    message = refused(tmp_path, changed("scheduler: slurm\narch: x86_64", "scheduler: lsf\narch: sparc"))

    assert len(message.splitlines()) == 2


def test_a_missing_key(tmp_path: Path) -> None:
    assert refused(tmp_path, changed("arch: x86_64\n", "")) == "site.yaml:2: arch: Field required"


def test_of_a_file_for_a_later_onramp_only_its_format_is_told(tmp_path: Path) -> None:
    message = refused(tmp_path, changed("format: 1", "format: 2\nweather: fine"))

    assert message == (
        "site.yaml:2: format: this Onramp reads files of format 1. Take a newer Onramp, or an older file (found: 2)"
    )


@pytest.mark.parametrize("form", ["one", "[1]", "null", "1.5"])
def test_a_format_that_is_no_number(tmp_path: Path, form: str) -> None:
    assert refused(tmp_path, changed("format: 1", f"format: {form}")).startswith("site.yaml:2: format: Input should be")


def test_a_file_without_a_format(tmp_path: Path) -> None:
    assert refused(tmp_path, changed("format: 1\n", "")) == "site.yaml:2: format: Field required"


@pytest.mark.parametrize(
    ("old", "new", "part", "message"),
    [
        (
            "    partition: cpu\n",
            "    partition: cqpu\n",
            "cqpu",
            "profiles.0.partition: There is no partition of local called 'cqpu'. Choose from: cpu, gpu.",
        ),
        (
            "    partition: cpu\n",
            "    partition: cpu\n    qos: x\n",
            "qos: x",
            "profiles.0.qos: There is no QoS of partition cpu called 'x'. Choose from: none.",
        ),
        (
            "    partition: cpu\n",
            "    partition: cpu\n    constraint: big\n",
            "constraint: big",
            "profiles.0.constraint: There is no constraint of partition cpu called 'big'. Choose from: none.",
        ),
        (
            "    partition: gpu\n",
            "    partition: gpu\n    lanes:\n      - { partition: gpu }\n      - { partition: cpu }\n",
            "      - { partition: cpu }",
            "profiles.1.lanes.1.partition: profile gpu-1 asks for GPUs, but partition cpu has none",
        ),
        (
            "    fallback: cpu\n",
            "    fallback: gpu-0\n",
            "fallback: gpu-0",
            "profiles.1.fallback: There is no profile of local called 'gpu-0'. Choose from: cpu, gpu-1, gpu-4, gpu-8.",
        ),
        ("name: gpu-1", "name: cpu", "  - name: cpu\n    display_name: One", "profiles.1.name: defined twice: cpu"),
        (
            "    time: 240",
            "    time: 999",
            "    time: 999",
            "profiles.0.time: profile cpu: time 999 is over its max_time 480",
        ),
        ("gpus: 8", "gpus: 7", "gpus: 7", "profiles.3.gpus: profile gpu-8: 7 GPUs cannot be spread over 2 nodes"),
        (
            "gpu: gpu,",
            "gpu: gpus,",
            "gpu: gpus,",
            "partitions.1.gpu: There is no kind of GPU (partition gpu) called 'gpus'. Choose from: gpu.",
        ),
        (
            "max_nodes: 2, ",
            "max_nodes: 2, gpus_per_node: 1, ",
            "name: cpu, title",
            "partitions.0: partition cpu: 'gpu' and 'gpus_per_node' belong together",
        ),
        (
            "max_nodes: 2, ",
            "max_nodes: 2, qos_required: true, ",
            "name: cpu, title",
            "partitions.0: partition cpu has 'qos_required', but lists no 'qos'",
        ),
        (
            "max_nodes: 2, ",
            "max_nodes: 2, qos: [{ name: a, default: true }, { name: b, default: true }], ",
            "name: cpu, title",
            "partitions.0: partition cpu has more than one default QoS",
        ),
        (
            "max_nodes: 2, ",
            "max_nodes: 2, qos: [{ name: a }, { name: a }], ",
            "name: cpu, title",
            "partitions.0.qos.1.name: defined twice: a",
        ),
        (
            'paths: { home: "/home/{user}", ',
            'paths: { login_only: [/home], home: "/home/{user}", ',
            "login_only",
            "paths.home: /home/{user} lies in /home, which is in 'login_only': jobs need a folder that compute nodes ",
        ),
        (
            'paths: { home: "/home/{user}", ',
            'paths: { login_only: [/srv/onramp], home: "/home/{user}", ',
            "login_only",
            "paths.runtime: /srv/onramp/spool/{user} lies in /srv/onramp, which is in 'login_only': ",
        ),
        (
            "login: null, ",
            "login: true, staging: dtn, ",
            "staging: dtn",
            "internet.staging: There is no partition of local called 'dtn'. Choose from: cpu, gpu.",
        ),
        (
            "source: [factory]",
            "source: [rumour]",
            "source: [rumour]",
            "facts.partitions: cites 'rumour', which is not in sources: factory",
        ),
        (
            "source: [factory]",
            "source: []",
            "source: []",
            "facts.partitions: a fact has a 'source', unless its confidence is 'unknown'",
        ),
        (
            "confidence: seen, source",
            "confidence: unknown, source",
            "confidence: unknown",
            "facts.partitions: a fact has a 'source', unless its confidence is 'unknown'",
        ),
        (
            "  gpus: { confidence",
            "  colour: { confidence",
            "  colour",
            "facts.colour: is not a key of a site. Known: format, name",
        ),
        (
            "path: /srv/onramp/venv, ",
            "",
            "name: onramp",
            "environments.0: an environment of kind 'venv' needs 'path'",
        ),
        (
            "kind: venv",
            "kind: module",
            "name: onramp",
            "environments.0: an environment of kind 'module' names at least one",
        ),
    ],
    ids=lambda value: value.strip()[:24],
)
def test_a_contradiction_is_refused_where_it_stands(
    tmp_path: Path, old: str, new: str, part: str, message: str
) -> None:
    text = changed(old, new)

    told = refused(tmp_path, text)

    assert told.startswith(f"site.yaml:{line(text, part)}: {message}")
    assert "(found: {" not in told


def test_nothing_hostile_is_a_partition(tmp_path: Path, hostile: str) -> None:
    data = yaml.safe_load(LOCAL)
    data["partitions"][0]["name"] = data["profiles"][0]["partition"] = hostile

    refused(tmp_path, yaml.safe_dump(data))


def test_a_site_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_site("local").title = "mine"
