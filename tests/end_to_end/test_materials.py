"""The tutorials in people's homes: a clone that is brought up to date from the site's repository, as themselves."""

from hub_config.factory.homes import REPOSITORY
from tests.end_to_end.factory import Factory

PUBLISH = f"""
set -e
work=$(mktemp -d)
git clone -q {REPOSITORY} "$work"
cd "$work"
cp 01-first-steps.ipynb 99-of-a-test.ipynb
git add .
git -c user.name=t -c user.email=t commit -q -m "One more"
git push -q
rm -r "$work"
"""
REFRESH = 'cd; /srv/onramp/venv/bin/python -c "import onramp; onramp.refresh()"'


def test_a_new_notebook_comes_to_a_learner_who_asks(factory: Factory) -> None:
    asked = ("sh", "-c", REFRESH)
    assert factory.exec(*asked, user="student3") == "Everything is up to date.\n"
    factory.exec("sh", "-c", PUBLISH)
    assert factory.exec(*asked, user="student3") == "New: 99-of-a-test.ipynb\n"
    assert "99-of-a-test.ipynb" in factory.exec("ls", "/home/student3/notebooks", user="student3")
    assert "99-of-a-test.ipynb" not in factory.exec("ls", "/home/student2/notebooks", user="student2")


def test_nobody_but_root_changes_what_is_given_out(factory: Factory) -> None:
    push = (
        f"cd /home/student3/notebooks && git push -q {REPOSITORY} HEAD:refs/heads/mine 2>&1; ls {REPOSITORY}/refs/heads"
    )
    assert factory.exec("sh", "-c", push, user="student3").splitlines()[-1] == "main"
