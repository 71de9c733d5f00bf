"""Rules of the place: who pays, by which QoS, on which kind of node, in which folders, and whether it may be at all."""

from collections.abc import Iterator

from spawners.resources import Ask, qos_name
from spawners.site_parts import account_pattern


def account_missing(ask: Ask) -> Iterator[str]:
    """The site charges every job to an account that the job names."""
    if ask.site.account.required and ask.resources.account is None:
        yield f"{ask.site.title} needs the option 'account', for example {ask.site.account.example}."


def account_form(ask: Ask) -> Iterator[str]:
    """Accounts of this partition have a form: a suffix for the kind of node, say."""
    template = ask.partition.account or ask.site.account.template
    account = ask.resources.account
    if account is None or account_pattern(template).fullmatch(account):
        return
    yield (
        f"Option 'account' is '{account}', but accounts for partition '{ask.partition.name}' look like "
        f"{template.replace('{project}', 'PROJECT')}. Try {template.replace('{project}', ask.site.project(account))}."
    )


def qos_missing(ask: Ask) -> Iterator[str]:
    """Every job of this partition names its QoS."""
    if ask.partition.qos_required and ask.resources.qos is None:
        yield f"Partition '{ask.partition.name}' needs the option 'qos'. Choose from: {_qos_names(ask)}."


def qos_unknown(ask: Ask) -> Iterator[str]:
    """The partition takes the QoS that it lists, and no other."""
    if ask.resources.qos is not None and ask.qos is None:
        yield (
            f"Option 'qos' is '{ask.resources.qos}', which partition '{ask.partition.name}' does not take. "
            f"Choose from: {_qos_names(ask) or 'none; leave it out'}."
        )


def _qos_names(ask: Ask) -> str:
    """What may be asked for here."""
    return ", ".join(qos_name(qos, ask.resources.account) for qos in ask.partition.qos)


def constraint(ask: Ask) -> Iterator[str]:
    """The job names a feature that its partition has, and must where the partition asks for one."""
    asked, known = ask.resources.constraint, ", ".join(ask.partition.constraints)
    if asked is None and ask.partition.constraint_required:
        yield f"Partition '{ask.partition.name}' needs the option 'constraint'. Choose from: {known}."
    if asked is not None and asked not in ask.partition.constraints:
        yield (
            f"Option 'constraint' is '{asked}', which no node of partition '{ask.partition.name}' has. "
            f"Choose from: {known or 'none; leave it out'}."
        )


def arch(ask: Ask) -> Iterator[str]:
    """Software runs on the processor it was built for."""
    wanted, environment = ask.site.arch_of(ask.partition), ask.resources.environment
    if environment is None or environment.arch == wanted:
        return
    fitting = ", ".join(one.name for one in ask.site.fitting(ask.partition))
    yield (
        f"Environment '{environment.name}' is built for {environment.arch}, but the nodes of partition "
        f"'{ask.partition.name}' are {wanted}. "
        f"Choose from: {fitting or 'none yet; build one in a job in that partition'}."
    )


def environment_missing(ask: Ask) -> Iterator[str]:
    """Something must be there that a job can run: without an environment there is not even a Python to name."""
    if ask.resources.environment is not None:
        return
    others = ", ".join(
        profile.name
        for profile in ask.site.profiles
        if ask.request.purpose in profile.purposes and ask.site.fitting(ask.site.partition(profile.partition))
    )
    yield (
        f"No environment of {ask.site.title} is known for {ask.site.arch_of(ask.partition)}, the processors of "
        f"partition '{ask.partition.name}': there is no Python for a job to run. Make one in a job there and have it "
        f"added to 'environments' in the site file, or choose a profile on other nodes: {others or 'there is none'}."
    )


def login_only_path(ask: Ask) -> Iterator[str]:
    """A job works in folders that its nodes see."""
    environment, paths = ask.resources.environment, ask.site.paths
    seen = [path for path in (paths.project, paths.scratch, paths.home) if path and paths.unseen(path) is None]
    for folder in (*ask.folders, *([environment.path] if environment and environment.path else [])):
        tree = paths.unseen(folder)
        if tree is not None:
            yield (
                f"Compute nodes do not see {folder}: {tree} is there on login nodes only. "
                f"Use a folder below {_readable(ask, seen[0]) if seen else 'another tree'}."
            )


def _readable(ask: Ask, folder: str) -> str:
    """A folder of the site file as a person would write it."""
    account = ask.resources.account or "ACCOUNT"
    return folder.format(user="USER", account=account, project=ask.site.project(account))


def no_internet(ask: Ask) -> Iterator[str]:
    """A job that fetches something needs a way out."""
    staging = ask.site.internet.staging
    if not ask.request.internet or ask.site.internet.compute is not False or ask.partition.name == staging:
        return
    if staging:
        where = f"in a job in partition '{staging}' first"
    elif ask.site.internet.login:
        where = "on a login node first"
    else:
        where = "elsewhere and copy it in"
    yield (
        f"Compute nodes of {ask.site.title} have no internet. "
        f"Fetch what the job needs {where}, then start it without the option 'internet'."
    )


def login_notebook(ask: Ask) -> Iterator[str]:
    """Notebooks run on compute nodes where the site forbids them on login nodes."""
    if not ask.partition.login_nodes or ask.site.policy.login_notebooks is not False:
        return
    if ask.request.purpose in ("server", "kernel"):
        others = ", ".join(
            profile.name
            for profile in ask.site.profiles
            if ask.request.purpose in profile.purposes and not ask.site.partition(profile.partition).login_nodes
        )
        yield (
            f"{ask.site.title} forbids notebooks on login nodes, and partition '{ask.partition.name}' is made of them. "
            f"Choose a profile on compute nodes: {others or 'there is none'}."
        )


def unattended(ask: Ask) -> Iterator[str]:
    """A person submits, where the site wants that."""
    alone = not ask.attended or ask.request.purpose == "grading"
    if alone and ask.site.policy.unattended_submit is False:
        yield (
            f"{ask.site.title} wants a person behind every job. Submit it yourself while you are signed in, or agree "
            "with the site on an exception and have policy.unattended_submit set in its file."
        )
