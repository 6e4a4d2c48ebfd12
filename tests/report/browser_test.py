#!/usr/bin/env python3
"""Opens the pages of a report in headless Chromium and looks at them: nothing is loaded from elsewhere, no error on the
console, all sections and plots there, no label over another, enough contrast in both color schemes, and no sideways
scrolling on a phone.

Usage: browser_test.py FOLDER [--keep FOLDER]     FOLDER holds what write_sample_report wrote; --keep also writes
screenshots and the printed page. Exits with 77 where there is no Chromium.
"""

import base64
import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
WIDTHS = (360, 768, 1280)

SECTIONS = {
    "all.html": ["verdicts", "overview", "plots", "growth", "examples", "measures", "repeat"],
    "pair.html": ["verdicts", "gate", "baseline", "overview", "plots", "growth", "examples", "measures", "repeat"],
    "empty.html": ["verdicts", "overview", "repeat"],
}
PLOTS = {
    "all.html": {"flips-0", "speed-0", "lengths-0", "lengths-1", "lengths-2", "noise-1", "noise-2",
                 "noise-3", "movement-1", "movement-2", "movement-3", "growth-1-0", "growth-2-0"},
    "pair.html": {"flips-0", "speed-0", "lengths-0", "lengths-1", "noise-1", "movement-1", "growth-1-0"},
    "empty.html": set(),
}

# What is wrong with the page as it is laid out, as a list of strings.
LOOK = r"""
(() => {
  const wrong = [];
  const luminance = (color) => {
    const [r, g, b] = color.match(/[\d.]+/g).map(Number).slice(0, 3).map((v) => {
      v /= 255;
      return v <= 0.03928 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4);
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const color = getComputedStyle(e).backgroundColor;
      if (!color.startsWith('rgba(0, 0, 0, 0')) return color;
    }
    return 'rgb(255, 255, 255)';
  };
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || ['TITLE', 'title', 'desc'].includes(element.tagName)) continue;
    const style = getComputedStyle(element);
    const color = element.namespaceURI.endsWith('svg') ? style.fill : style.color;
    const [a, b] = [luminance(color), luminance(ground(element))].sort();
    const contrast = (b + 0.05) / (a + 0.05);
    if (contrast < 4.5) wrong.push(`contrast ${contrast.toFixed(2)}: ${element.textContent.slice(0, 40)}`);
  }
  for (const svg of document.querySelectorAll('figure svg')) {
    const name = svg.querySelector('title')?.id;
    const frame = svg.getBoundingClientRect();
    if (!svg.querySelector('title')?.textContent || !svg.querySelector('desc')?.textContent) {
      wrong.push(`${name}: no title or description`);
    }
    if (frame.width < 200 || frame.height < 80) wrong.push(`${name}: ${frame.width} by ${frame.height} pixels`);
    const boxes = [...svg.querySelectorAll('text')].map((t) => [t.textContent, t.getBoundingClientRect()]);
    for (const [text, box] of boxes) {
      if (box.left < frame.left - 3 || box.right > frame.right + 3 || box.top < frame.top - 3 ||
          box.bottom > frame.bottom + 3) wrong.push(`${name}: "${text}" is outside of its plot`);
      if (box.height < 8) wrong.push(`${name}: "${text}" is ${box.height} pixels high`);
    }
    for (let i = 0; i < boxes.length; ++i) {
      for (let k = i + 1; k < boxes.length; ++k) {
        const [a, b] = [boxes[i][1], boxes[k][1]];
        const x = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const y = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (x > 0.5 && y > 2.5) wrong.push(`${name}: "${boxes[i][0]}" lies over "${boxes[k][0]}"`);
      }
    }
  }
  for (const th of document.querySelectorAll('th')) if (!th.scope) wrong.push(`a th without scope: ${th.textContent}`);
  const levels = [...document.querySelectorAll('h1, h2, h3')].map((h) => Number(h.tagName[1]));
  levels.forEach((level, i) => { if (level > (levels[i - 1] ?? 0) + 1) wrong.push('a level of headings is left out'); });
  if (document.scripts.length) wrong.push('there is a script');
  const wide = document.documentElement.scrollWidth;
  if (wide > innerWidth) wrong.push(`the page is ${wide} pixels wide, the window ${innerWidth}`);
  return wrong;
})()
"""


class Browser:
    """Chromium, asked over its pipe: messages of the DevTools protocol that end with a zero byte."""

    def __init__(self, program, profile):
        commands, self.commands = os.pipe()
        self.answers, answers = os.pipe()
        # Numbers above 3 and 4, where Chromium looks for them.
        ours = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (commands, answers)]

        def place():
            os.dup2(ours[0], 3)
            os.dup2(ours[1], 4)

        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
             "--disable-background-networking", "--no-first-run", "--remote-debugging-pipe",
             f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=place, pass_fds=(3, 4, *ours), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        for fd in (commands, answers, *ours):
            os.close(fd)
        self.buffer = b""
        self.number = 0
        self.session = None
        self.events = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")

    def receive(self):
        while b"\0" not in self.buffer:
            part = os.read(self.answers, 1 << 20)
            if not part:
                raise RuntimeError("Chromium ended")
            self.buffer += part
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def open(self, url):
        self.events.clear()
        self.call("Page.navigate", url=url)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.receive())

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"]["exception"]["description"])
        return result["result"].get("value")

    def show(self, width, scheme, media=""):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500)
        self.call("Emulation.setEmulatedMedia", media=media,
                  features=[{"name": "prefers-color-scheme", "value": scheme}])

    def screenshot(self, path):
        image = self.call("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        path.write_bytes(base64.b64decode(image["data"]))

    def close(self):
        with contextlib.suppress(OSError, RuntimeError):
            self.session = None
            self.call("Browser.close")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        if self.process.poll() is None:
            self.process.kill()


def complaints(events, url):
    """What the browser said or fetched."""
    for event in events:
        parameters = event.get("params", {})
        if event["method"] == "Network.requestWillBeSent":
            asked = parameters["request"]["url"]
            if asked != url and not asked.startswith("data:"):
                yield f"asks for {asked}"
        elif event["method"] in ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
            yield f"says {json.dumps(parameters)[:200]}"


def check_page(browser, path, keep):
    url = path.resolve().as_uri()
    browser.show(1280, "light")
    browser.open(url)
    sections = browser.evaluate("[...document.querySelectorAll('main > section')].map((s) => s.id)")
    if sections != SECTIONS[path.name]:
        yield f"sections are {sections}"
    plots = set(browser.evaluate("[...document.querySelectorAll('figure svg title')].map((t) => t.id.slice(0, -6))"))
    if plots != PLOTS[path.name]:
        yield f"plots are {sorted(plots)}"
    if path.name == "all.html" and not browser.evaluate("document.body.innerText.includes(\"<script>alert('no')\")"):
        yield "the answer with a script is not shown as text"
    for scheme in ("light", "dark"):
        for width in WIDTHS:
            browser.show(width, scheme)
            for line in browser.evaluate(LOOK):
                yield f"{scheme}, {width} pixels: {line}"
            if keep:
                browser.screenshot(keep / f"{path.stem}-{scheme}-{width}.png")
        ground = browser.evaluate("getComputedStyle(document.body).backgroundColor")
        if (sum(map(int, ground[4:-1].split(","))) < 200) != (scheme == "dark"):
            yield f"{scheme}: the ground is {ground}"
    browser.show(1280, "dark", media="print")
    if browser.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)":
        yield "a dark page is printed"
    browser.show(1280, "light", media="")
    pdf = base64.b64decode(browser.call("Page.printToPDF", printBackground=True, paperWidth=8.27, paperHeight=11.69)["data"])
    if not pdf.startswith(b"%PDF"):
        yield "it cannot be printed"
    if keep:
        (keep / f"{path.stem}.pdf").write_bytes(pdf)
    yield from complaints(browser.events, url)


def check_the_check(browser, folder):
    """A page with faults, of which each must be found."""
    page = pathlib.Path(folder, "faulty.html")
    page.write_text("<!DOCTYPE html><body><h1>x</h1><p style='color:#ddd'>pale</p><div style='width:2000px'>wide</div>"
                    "<figure><svg width=300 height=100><text x=10 y=50>one</text><text x=12 y=50>two</text></svg></figure>"
                    "<img src='http://localhost:1/none.png'><script>console.error('oh')</script>", encoding="utf-8")
    browser.show(360, "light")
    browser.open(page.as_uri())
    found = "\n".join([*browser.evaluate(LOOK), *complaints(browser.events, page.as_uri())])
    for part in ("contrast", "pixels wide", "lies over", "no title", "is a script", "asks for http", "oh"):
        if part not in found:
            yield f"the check does not see: {part}"


def main():
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not program:
        print("skipped: no Chromium (Debian's package is chromium)")
        return SKIPPED
    keep = pathlib.Path(sys.argv[3]) if sys.argv[2:3] == ["--keep"] else None
    wrong = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(program, profile)
        try:
            wrong += check_the_check(browser, profile)
            for name in SECTIONS:
                wrong += [f"{name}: {line}" for line in check_page(browser, pathlib.Path(sys.argv[1], name), keep)]
        finally:
            browser.close()
    print("\n".join(wrong) or f"{len(SECTIONS)} pages at {len(WIDTHS)} widths, light and dark: all well")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
