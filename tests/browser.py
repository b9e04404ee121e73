"""A headless Chromium for tests, driven over the WebDriver protocol (W3C) by its own driver."""

import base64
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the protocol's name of an element's id
_OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-background-networking "
    "--disable-component-update --disable-sync --no-first-run"
)
DRIVER = shutil.which("chromedriver")


class Browser:
    """One window."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def open(self, url: str) -> None:
        """Returns when the page is loaded."""
        self._post("url", url=url)

    def script(self, body: str, *arguments: Any) -> Any:
        """What a script in the page returns."""
        return self._post("execute/sync", script=body, args=list(arguments))

    def type(self, selector: str, text: str) -> None:
        """Types into the element that a CSS selector finds."""
        self._post(f"element/{self._element(selector)}/value", text=text)

    def click(self, selector: str) -> None:
        self._post(f"element/{self._element(selector)}/click")

    def text(self, selector: str) -> str:
        """The text of an element as it is seen."""
        return str(self._get(f"element/{self._element(selector)}/text"))

    def label(self, selector: str) -> str:
        """The accessible name of an element."""
        return str(self._get(f"element/{self._element(selector)}/computedlabel"))

    def count(self, selector: str) -> int:
        """How many elements a CSS selector finds."""
        return int(self.script("return document.querySelectorAll(arguments[0]).length", selector))

    def wait(self, holds: Callable[[], bool], seconds: float = 20) -> None:
        """Waits until something holds. Raises AssertionError if it does not in time."""
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"not so after {seconds} s"
            time.sleep(0.05)

    def screenshot(self, place: Path) -> None:
        place.write_bytes(base64.b64decode(self._get("screenshot")))

    def _element(self, selector: str) -> str:
        found = self._post("element", using="css selector", value=selector)
        return str(found[_ELEMENT])

    def _get(self, path: str) -> Any:
        return _value(self._client.get(path))

    def _post(self, path: str, **body: Any) -> Any:
        return _value(self._client.post(path, json=body))


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """A browser whose profile lies in a folder. Needs ``chromedriver`` on the path."""
    assert DRIVER is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    driver = subprocess.Popen([DRIVER, f"--port={port}"], stdout=subprocess.DEVNULL)
    root = f"http://127.0.0.1:{port}"
    try:
        _until_up(root)
        options = {"args": [*_OPTIONS.split(), f"--user-data-dir={profile}"]}
        capabilities = {"alwaysMatch": {"goog:chromeOptions": options}}
        asked = httpx.post(f"{root}/session", json={"capabilities": capabilities}, timeout=60)
        session = f"{root}/session/{_value(asked)['sessionId']}"
        with httpx.Client(base_url=session, timeout=60) as client:
            try:
                yield Browser(client)
            finally:
                _value(client.delete(session))  # else the browser outlives its driver
    finally:
        driver.terminate()
        driver.wait(30)


def _until_up(root: str) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            httpx.get(f"{root}/status")
            return
        except httpx.ConnectError:
            assert time.monotonic() < end, "chromedriver does not answer"
            time.sleep(0.05)


def _value(answer: httpx.Response) -> Any:
    value = answer.json()["value"]
    assert answer.status_code == 200, value
    return value
