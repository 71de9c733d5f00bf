"""The long-running parts of a factory, and the supervisor configuration that keeps them running. Pure."""

import shlex
import sys
from collections.abc import Iterable, Mapping

from pydantic import BaseModel

from hub_config.factory.plan import LEARNERS, Node, Plan

VENV = "/srv/onramp/venv"
PYTHON = f"{VENV}/bin/python"
# Our own wheel is installed here, as every other package is; the interpreter is the same inside and outside.
SITE_PACKAGES = f"{VENV}/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
NODE = f"{SITE_PACKAGES}/hub_config/factory/node.sh"
LOGS = "/var/log/onramp"
HUB_STATE = "/srv/onramp/hub"
SETTINGS = "/srv/onramp/etc/settings.yaml"
SITE = "/srv/onramp/etc/site.yaml"
LAUNCHER_SOCKET = "/run/onramp/launcher.sock"
GRADE_SOCKET = "/run/onramp/grade.sock"
MARIADB_SOCKET = "/run/mysqld/mysqld.sock"
SUPERVISOR_SOCKET = "/run/supervisor.sock"
COURSE_STATE = "/srv/onramp/course"
HUB_API_PORT, PROXY_API_PORT, COURSE_PORT = 8081, 8001, 8010


class Part(BaseModel, frozen=True, extra="forbid"):
    """A program the factory runs for as long as it is up."""

    name: str
    command: str
    user: str = "root"
    directory: str = "/"
    environment: Mapping[str, str] = {}


def parts(plan: Plan, *, proxy_token: str, course_token: str) -> tuple[Part, ...]:
    """Return every part, in the order a reader meets them."""
    control = plan.control
    secret = {"CONFIGPROXY_AUTH_TOKEN": proxy_token}
    return (
        Part(name="munge", command="munged --foreground --num-threads=2", user="munge"),
        Part(
            name="mariadb",
            user="mysql",
            command="mariadbd --no-defaults --datadir=/var/lib/mysql --skip-networking"
            f" --socket={MARIADB_SOCKET} --init-file=/etc/slurm/mariadb.sql"
            " --innodb-buffer-pool-size=64M --innodb-lock-wait-timeout=900",
        ),
        Part(name="slurmdbd", command="slurmdbd -D", user="slurm"),
        Part(name="slurmctld", command="slurmctld -D", user="slurm"),
        *(Part(name=node.name, command=_slurmd(node)) for node in plan.nodes),
        Part(
            name="launcher",
            command=f"{PYTHON} -I -m spawners.launcher serve {LAUNCHER_SOCKET}"
            f" --allow-uid {plan.uids['onramp-hub']} --group {LEARNERS}",
        ),
        Part(
            name="grade-launcher",
            command=f"{PYTHON} -I -m spawners.launcher serve {GRADE_SOCKET}"
            f" --allow-uid {plan.uids['onramp-course']} --group onramp-grade",
        ),
        Part(
            name="proxy",
            user="onramp-hub",
            environment=secret,
            command=f"{VENV}/bin/node /srv/onramp/proxy/node_modules/.bin/configurable-http-proxy"
            f" --ip 127.0.0.1 --port {plan.port} --api-ip {control} --api-port {PROXY_API_PORT}"
            f" --error-target http://{control}:{HUB_API_PORT}/hub/error",
        ),
        Part(
            name="hub",
            user="onramp-hub",
            directory=HUB_STATE,
            environment={
                **secret,
                "ONRAMP_COURSE_TOKEN": course_token,
                "ONRAMP_SETTINGS": SETTINGS,
                "HOME": HUB_STATE,
            },
            command=f"{PYTHON} -I -m hub_config",
        ),
        _course(plan, course_token),
    )


def hub_api(plan: Plan) -> str:
    """Return where the hub's API answers within the factory."""
    return f"http://{plan.control}:{HUB_API_PORT}/hub/api"


def _course(plan: Plan, token: str) -> Part:
    """The course service, with what JupyterHub tells a service that somebody else starts."""
    return Part(
        name="course",
        user="onramp-course",
        directory=COURSE_STATE,
        environment={
            "HOME": COURSE_STATE,
            "JUPYTERHUB_API_TOKEN": token,
            "JUPYTERHUB_API_URL": hub_api(plan),
            "JUPYTERHUB_BASE_URL": "/",
            "JUPYTERHUB_CLIENT_ID": "service-onramp-course",
            "JUPYTERHUB_SERVICE_NAME": "onramp-course",
            "JUPYTERHUB_SERVICE_PREFIX": "/services/onramp-course/",
            "JUPYTERHUB_SERVICE_URL": f"http://{plan.control}:{COURSE_PORT}",
        },
        # A machine that imitates a site has its nodes to itself only for as long as something is graded.
        command=f"{PYTHON} -I -m curricula.service --root {COURSE_STATE} --site {SITE}"
        f" --min-workers {int(plan.cluster.site == 'local')}",
    )


def supervisor_conf(parts_: Iterable[Part]) -> str:
    """Return supervisord's configuration; `boot` starts the parts in order, because they wait for one another."""
    sections = [
        f"[supervisord]\nuser=root\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile=/run/supervisord.pid\nchildlogdir={LOGS}",
        f"[unix_http_server]\nfile={SUPERVISOR_SOCKET}\nchmod=0600",
        "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        _section(
            Part(name="boot", command=f"{PYTHON} -I -m hub_config.factory.boot"),
            "autostart=true\nautorestart=false\nstartsecs=0",
        ),
        *(_section(part, "autostart=false\nautorestart=true\nstartsecs=0\nstopwaitsecs=5") for part in parts_),
    ]
    return "\n\n".join(sections) + "\n"


def _slurmd(node: Node) -> str:
    """A node has a host name and GPUs of its own, which its jobs see, and a view of the file system of its own."""
    options = [
        *(("--gpus", ",".join(node.gpus)) if node.gpus else ()),
        *(("--tmp", str(node.tmp)) if node.tmp else ()),
        *(() if node.internet else ("--no-internet",)),
        *(word for tree in node.hidden for word in ("--hide", tree)),
    ]
    return shlex.join(("unshare", "--uts", "--mount", "sh", NODE, node.name, *options))


def _section(part: Part, policy: str) -> str:
    environment = ",".join(f'{name}="{value}"' for name, value in part.environment.items())
    return (
        f"[program:{part.name}]\ncommand={part.command}\nuser={part.user}\ndirectory={part.directory}\n"
        f"environment={environment}\n{policy}\n"
        f"redirect_stderr=true\nstdout_logfile={LOGS}/{part.name}.log\n"
        "stdout_logfile_maxbytes=20MB\nstdout_logfile_backups=1"
    )
