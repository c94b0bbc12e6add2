"""A real browser for tests: Chromium without a window, spoken to over pipes in its DevTools protocol."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE = 60.0  # seconds for an answer
_HIGH = 100  # descriptors that are out of the way of the two that Chromium wants


def browser_path() -> str | None:
    """The browser of this machine, where there is one."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Browser:
    """One page of a browser, without a network; sizes in pixels.

    Args:
        folder: For its profile and its downloads.
        webgl: Whether there is WebGL, computed by the processor.
    """

    def __init__(self, folder: Path, webgl: bool = False) -> None:
        self._folder, self._webgl = folder, webgl
        self._number, self._session, self._unread = 0, "", b""
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Browser:
        to_read, self._to = os.pipe()
        self._from, to_write = os.pipe()

        def third_and_fourth() -> None:
            given = [fcntl.fcntl(end, fcntl.F_DUPFD, _HIGH) for end in (to_read, to_write)]
            for number, end in enumerate(given, start=3):
                os.dup2(end, number)

        drawing = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"] if self._webgl else ["--disable-gpu"]
        words = [
            *(str(browser_path()), "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--mute-audio"),
            *("--disable-extensions", "--disable-dev-shm-usage", "--window-size=1200,800"),
            *("--no-sandbox", f"--user-data-dir={self._folder / 'profile'}"),
            *("--host-resolver-rules=MAP * ~NOTFOUND", "--disable-background-networking"),
            *([] if self._webgl else ["--disable-3d-apis"]),
            *drawing,
        ]
        self._process = subprocess.Popen(
            words,
            preexec_fn=third_and_fourth,
            close_fds=False,  # what Python opens is not inherited; 3 and 4 need not be open here
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._to)
        os.close(self._from)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """What the browser answers; events that come meanwhile are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session and not method.startswith("Target.") and not method.startswith("Browser."):
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            self.events.append(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return dict(answer["result"])

    def open(self, page: Path) -> None:
        """Load a file."""
        self.call("Page.navigate", url=page.as_uri())
        self.wait_for("document.readyState === 'complete' && location.protocol === 'file:'")

    def value(self, expression: str) -> Any:
        """What a JavaScript expression is."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Wait until it is true."""
        end = time.monotonic() + PATIENCE
        while not self.value(expression):
            assert time.monotonic() < end, f"never true: {expression}"
            time.sleep(0.05)

    def click(self, element: str) -> None:
        """Press and release the mouse in the middle of the first element of a selector."""
        place = self.value(
            "((e) => { e.scrollIntoView({block: 'nearest'}); const r = e.getBoundingClientRect();"
            f" return [r.x + r.width / 2, r.y + r.height / 2]; }})(document.querySelector({json.dumps(element)}))"
        )
        for kind in ("mousePressed", "mouseReleased"):
            where = {"x": place[0], "y": place[1], "button": "left", "clickCount": 1}
            self.call("Input.dispatchMouseEvent", type=kind, **where)

    def picture(self) -> bytes:
        """What is seen, as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._from], [], [], PATIENCE)
            assert ready, "the browser does not answer"
            chunk = os.read(self._from, 1 << 20)
            assert chunk, "the browser has ended"
            self._unread += chunk
        message, _, self._unread = self._unread.partition(b"\0")
        return dict(json.loads(message))
