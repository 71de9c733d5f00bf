"""The credentials by which a cluster and its workers know each other, in a folder that only their user can enter."""

import copy
import os
import pwd
import stat
from collections.abc import Mapping
from pathlib import Path

from distributed.security import Security

from spawners.cluster import ClusterError
from spawners.cluster_plan import ClusterPlan
from spawners.site import SiteError, load_site

# What Dask's command line calls each credential, and what its Security does.
CREDENTIALS = {"ca-file": "tls_ca_file", "cert": "tls_worker_cert", "key": "tls_worker_key"}
# The file beside them that says for which scheduler they are.
ADDRESS = "address"


def make_private(plan: ClusterPlan) -> None:
    """Make the folder of the credentials, in a runtime directory of the user's own that nobody else enters."""
    try:
        plan.runtime.mkdir(mode=0o700, exist_ok=True)
        found = plan.runtime.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise ClusterError(f"The runtime directory {plan.runtime} belongs to someone else. Ask the site's support.")
        plan.runtime.chmod(0o700)
        plan.folder.mkdir(mode=0o700)
    except OSError as error:
        raise ClusterError(f"The cluster's credentials cannot be stored: {error}") from error


def write_credentials(plan: ClusterPlan, security: Security) -> Security:
    """Write the workers' credentials into the plan's folder and return the same Security with their paths."""
    paths = copy.copy(security)
    for option, attribute in CREDENTIALS.items():
        path = plan.folder / f"{option}.pem"
        _write(path, getattr(security, attribute))
        setattr(paths, attribute, str(path))
    return paths


def write_address(plan: ClusterPlan, address: str) -> None:
    """Say at which address the credentials are good."""
    _write(plan.folder / ADDRESS, address)


def find_security(info: Mapping[str, str]) -> Security | None:
    """Return what a Client in another process of the same user needs to reach a cluster; None where nothing is known.

    Dask asks this (its setting `distributed.client.security-loader`) when a notebook says `Client("tls://…")`, as the
    code does that JupyterLab's sidebar puts into it.
    """
    for path in _runtime().glob(f"cluster-*/{ADDRESS}"):
        if path.read_text() == info["address"]:
            files = {name: str(path.with_name(f"{name}.pem")) for name in CREDENTIALS}
            client = {"tls_ca_file": files["ca-file"], "tls_client_cert": files["cert"], "tls_client_key": files["key"]}
            return Security(require_encryption=True, **client)
    return None


def _runtime() -> Path:
    """This user's runtime directory, or a place where nothing is."""
    try:
        site = load_site(os.environ.get("ONRAMP_SITE", ""))
        return Path(site.runtime(pwd.getpwuid(os.geteuid()).pw_name, os.environ.get("SLURM_JOB_ACCOUNT")))
    except SiteError:
        return Path("/nonexistent")


def _write(path: Path, text: str) -> None:
    """Write a new file that nobody else can read."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w") as file:
        file.write(text)
