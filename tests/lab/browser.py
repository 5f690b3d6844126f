"""Chromium without a screen at the PC, steered through its debugging pipe: one process for many pages."""

import json
import os
import select
import subprocess
import time

import netns
import net
import pki

NS = "lan"
COMMAND = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
           "--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe"]


class BrowserError(Exception):
    pass


class Browser:
    """A browser with an empty profile that trusts the lab's Web CA, as a site's PC trusts its own."""

    def __init__(self, folder, name="browser"):
        self.folder = os.path.abspath(f"{folder}/{name}")
        os.makedirs(self.folder)
        self.process = None
        self.number = 0
        self.buffer = b""
        self.events = []
        self._trust(pki.path("web.crt"))

    def _trust(self, authority):
        """Into the NSS database of the user, which is where Chromium on Linux looks besides its own list."""
        database = f"{self.folder}/.pki/nssdb"
        os.makedirs(database)
        for more in (["-N", "--empty-password"], ["-A", "-n", "lab web", "-t", "C,,", "-i", authority]):
            subprocess.run(["certutil", "-d", f"sql:{database}", *more], check=True, capture_output=True)

    def start(self):
        theirs_in, self.out = os.pipe()
        self.into, theirs_out = os.pipe()
        env = dict(os.environ, HOME=self.folder, XDG_CONFIG_HOME=f"{self.folder}/config",
                   XDG_CACHE_HOME=f"{self.folder}/cache")
        with open(f"{self.folder}/log", "ab") as log:
            # Chromium reads commands from descriptor 3 and answers on 4.
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", NS, "bash", "-c", f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}', "browser",
                 *COMMAND, f"--user-data-dir={self.folder}/profile", "about:blank"],
                pass_fds=(theirs_in, theirs_out), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env,
                preexec_fn=netns.die_with_parent)
        os.close(theirs_in)
        os.close(theirs_out)
        return self

    def version(self):
        return self.ask("Browser.getVersion", timeout=90)["product"]

    def page(self):
        target = self.ask("Target.createTarget", {"url": "about:blank"}, timeout=90)["targetId"]
        session = self.ask("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = Page(self, session)
        for domain in ("Page", "Network", "Runtime"):
            page.ask(domain + ".enable")
        page.ask("Page.setLifecycleEventsEnabled", {"enabled": True})
        return page

    def stop(self):
        try:
            self.ask("Browser.close", timeout=5)
            self.process.wait(5)
        except (BrowserError, subprocess.TimeoutExpired, OSError):
            self.process.kill()
            self.process.wait()
        os.close(self.out)
        os.close(self.into)

    # ---- the pipe: JSON, ended by a zero byte

    def ask(self, method, parameters=None, session=None, timeout=60):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters or {}}
        if session:
            message["sessionId"] = session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + timeout
        while True:
            got = self.next(end)
            if got is None:
                raise BrowserError(f"no answer to {method} within {timeout} s")
            if got.get("id") == message["id"]:
                if "error" in got:
                    raise BrowserError(f"{method}: {got['error'].get('message')}")
                return got["result"]
            if "method" in got:
                self.events.append(got)

    def next(self, end):
        """The next message; None when the time is over."""
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.into], [], [], max(0, end - time.monotonic()))
            if not ready:
                return None
            data = os.read(self.into, 1 << 16)
            if not data:
                raise BrowserError("Chromium has ended: " + self.tail())
            self.buffer += data
        text, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(text)

    def tail(self):
        with open(f"{self.folder}/log", errors="replace") as f:
            return " / ".join(line.strip() for line in f.readlines()[-3:])


class Page:
    def __init__(self, browser, session):
        self.browser, self.session = browser, session

    def ask(self, method, parameters=None, timeout=60):
        return self.browser.ask(method, parameters, self.session, timeout)

    def open(self, url, timeout=60):
        """Go there and wait until everything is loaded. (what came of it, seconds): 'loaded', 'net::ERR_…' or 'hangs'."""
        self.browser.events.clear()
        begin = time.monotonic()
        try:
            done = self.ask("Page.navigate", {"url": url}, timeout)
        except BrowserError as e:
            if "no answer" not in str(e):
                raise
            return "hangs", time.monotonic() - begin
        if done.get("errorText"):
            return done["errorText"], time.monotonic() - begin
        # By its number: the page of an earlier error may still be loading.
        while not any(e["method"] == "Page.lifecycleEvent" and e["params"]["name"] == "load"
                      and e["params"]["loaderId"] == done["loaderId"] for e in self.browser.events):
            got = self.browser.next(begin + timeout)
            if got is None:
                return "hangs", time.monotonic() - begin
            self.browser.events.append(got)
        return "loaded", time.monotonic() - begin

    def run(self, script, timeout=60):
        """The value of a JavaScript expression (of what it promises) in the page; a text 'error: …' if it threw."""
        done = self.ask("Runtime.evaluate", {"expression": script, "awaitPromise": True, "returnByValue": True}, timeout)
        if "exceptionDetails" in done:
            thrown = done["exceptionDetails"].get("exception", {})
            return "error: " + str(thrown.get("description") or thrown.get("value")).split("\n")[0]
        return done["result"].get("value")
