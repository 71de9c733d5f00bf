"""Wait until a part does what it is for."""

import http.server
import threading

import pytest

from hub_config.factory import waiting
from hub_config.factory.waiting import BootError, answers, exists, output, says, succeeds, until


@pytest.fixture
def refusing_server():
    """Something that speaks HTTP and refuses everything, as the proxy's API does."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(403)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


async def test_a_part_is_up_once_its_condition_holds(tmp_path):
    await until("munge", exists(str(tmp_path)))
    await until("mariadb", succeeds("true"))


async def test_a_part_that_never_comes_up_is_said_with_the_end_of_its_log(tmp_path, monkeypatch):
    (tmp_path / "munge.log").write_text("begin\n" * 10 + "munged: Error: the key is not mine\n")
    monkeypatch.setattr(waiting, "LOGS", str(tmp_path))
    monkeypatch.setattr(waiting, "PATIENCE", 0.2)

    with pytest.raises(BootError, match=r"munge did not come up within 0 s(.|\n)*the key is not mine"):
        await until("munge", exists(str(tmp_path / "never")))


async def test_a_server_that_refuses_is_up(refusing_server, unused_tcp_port):
    assert await answers(refusing_server)()
    assert not await answers(f"http://127.0.0.1:{unused_tcp_port}/")()


async def test_what_a_failing_command_says_is_kept():
    assert await output("echo", "hello") == "hello\n"
    assert await says("hell", "echo", "hello")
    with pytest.raises(BootError, match=r"ended with 3:\noops"):
        await output("sh", "-c", "echo oops; exit 3")
