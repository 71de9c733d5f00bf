"""What people find in their homes: the shell's files, and the tutorial notebooks as a clone of the site's repository.

The repository is what `onramp.refresh()` brings them up to date from. On a site it would be one that a server offers.
"""

import shutil
from pathlib import Path

from hub_config.factory.plan import PEOPLE
from hub_config.factory.waiting import output

REPOSITORY = "/srv/onramp/notebooks.git"
_CLONE = "/srv/onramp/notebooks"
_AUTHOR = ("-c", "user.name=Onramp", "-c", "user.email=onramp@localhost")


def acting_as(name: str) -> tuple[str, ...]:
    """Return the words before a command that let an account of the factory run it."""
    return ("setpriv", "--reuid", name, "--regid", name, "--init-groups")


async def fill_homes() -> None:
    """Give everybody what they have not got, as themselves: root touches no home. What is there already stays."""
    await _publish()
    for name in PEOPLE:
        as_user = acting_as(name)
        await output(*as_user, "cp", "-r", "--no-clobber", "/etc/skel/.", f"/home/{name}")
        await output(*as_user, "mkdir", "-p", f"/home/{name}/notebooks")
        # A clone that is there already is brought up to date by its owner, who may have edited it.
        copy = f"[ -e /home/{name}/notebooks/.git ] || cp -r --no-clobber {_CLONE}/. /home/{name}/notebooks"
        await output(*as_user, "sh", "-c", copy)


async def _publish() -> None:
    """Commit the tutorials of this version to the repository, where they are not those of the last start."""
    import notebooks

    if not Path(REPOSITORY).exists():
        await output("git", "init", "--quiet", "--bare", "--initial-branch", "main", REPOSITORY)
    tree = ("git", *_AUTHOR, f"--git-dir={REPOSITORY}", f"--work-tree={Path(notebooks.__file__).parent}")
    await output(*tree, "add", "--all", "--", ":(glob)*.ipynb", ":(glob)examples/*.py")
    if await output(*tree, "status", "--porcelain", "--untracked-files=no"):
        await output(*tree, "commit", "--quiet", "--message", "The tutorials of this version of Onramp")
    shutil.rmtree(_CLONE, ignore_errors=True)
    await output("git", "clone", "--quiet", REPOSITORY, _CLONE)
