"""The hub's process, ended on purpose; its supervisor starts another."""

import httpx

from tests.end_to_end.factory import Factory, until


def restart_hub(factory: Factory, signal: str = "TERM") -> None:
    """End the hub's process with a signal and wait until another answers, which reads its databases anew."""
    (pid,) = [pid for pid, args in factory.processes("onramp-hub") if "-m hub_config" in args]
    factory.exec("kill", f"-{signal}", str(pid))
    until("the hub's process ended", lambda: pid not in dict(factory.processes("onramp-hub")))
    until("the hub is back", lambda: hub_is_up(factory))


def hub_is_up(factory: Factory) -> bool:
    try:
        return httpx.get(f"{factory.url}/hub/health").status_code == 200
    except httpx.HTTPError:
        return False
