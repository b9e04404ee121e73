"""A stand-in for a model hub: folders served over HTTP in the hub's protocol, for its clients."""

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from flask import Flask, Response, abort, jsonify, request, send_file
from werkzeug.serving import make_server

ROOT = Path(__file__).parents[1]
COMMIT = hashlib.sha1(b"the only commit").hexdigest()


class StandInHub:
    """Repositories are folders: ``models/OWNER/NAME`` and ``datasets/OWNER/NAME``.

    Attributes:
        folder: what is served.
        fetched: paths of the files that clients asked for.
    """

    address: str

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder = folder
        self.fetched: set[str] = set()
        self._cache = cache

    def run(self, code: str) -> subprocess.CompletedProcess[str]:
        """Runs code in a process of its own: the clients read the hub's address when imported."""
        hub = {"HF_ENDPOINT": self.address, "HF_HOME": str(self._cache), "HF_HUB_OFFLINE": "0"}
        environment = {**os.environ, **hub, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", code]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)

    def app(self) -> Flask:
        app = Flask(__name__)
        for kind, url in (("models", "/"), ("datasets", "/datasets/")):
            info, tree, file = self._views(self.folder / kind)
            api = f"/api/{kind}/<owner>/<name>"
            app.add_url_rule(api, f"{kind}-info", info)
            app.add_url_rule(f"{api}/revision/<revision>", f"{kind}-revision", info)
            app.add_url_rule(f"{api}/tree/<revision>", f"{kind}-tree", tree)
            app.add_url_rule(f"{api}/tree/<revision>/<path:within>", f"{kind}-within", tree)
            paths = f"{api}/paths-info/<revision>"
            app.add_url_rule(paths, f"{kind}-paths", tree, methods=["POST"])
            resolve = f"{url}<owner>/<name>/resolve/<revision>/<path:path>"
            app.add_url_rule(resolve, f"{kind}-file", file)
        return app

    def _views(self, folder: Path) -> Any:
        def found(owner: str, name: str) -> Path:
            place = folder / owner / name
            return place if place.is_dir() else missing("RepoNotFound")

        def missing(code: str) -> Any:
            abort(Response(status=404, headers={"X-Error-Code": code}))

        def info(owner: str, name: str, revision: str = "main") -> Response:
            listed = entries(found(owner, name))
            files = [{"rfilename": one["path"]} for one in listed if one["type"] == "file"]
            repository = {"_id": "0", "id": f"{owner}/{name}", "sha": COMMIT, "siblings": files}
            return jsonify({**repository, "private": False, "tags": [], "downloads": 0, "likes": 0})

        def tree(owner: str, name: str, revision: str, within: str = ".") -> Response:
            listed = entries(found(owner, name))
            if request.method == "POST":
                asked = request.get_json(silent=True) or request.form.to_dict(flat=False)
                return jsonify([one for one in listed if one["path"] in asked["paths"]])
            deep = request.args.get("recursive") == "true"
            places = [PurePosixPath(one["path"]) for one in listed]
            inside = [within in map(str, place.parents) for place in places]
            direct = [str(place.parent) == within for place in places]
            kept = inside if deep else direct
            return jsonify([one for one, keep in zip(listed, kept, strict=True) if keep])

        def file(owner: str, name: str, revision: str, path: str) -> Response:
            place = found(owner, name) / path
            if not place.is_file():
                missing("EntryNotFound")
            self.fetched.add(f"{owner}/{name}/{path}")
            answer = send_file(place.resolve(), mimetype="application/octet-stream")
            answer.headers["X-Repo-Commit"] = COMMIT
            answer.headers["ETag"] = f'"{sha1(place)}"'
            return answer

        return info, tree, file


def entries(folder: Path) -> list[dict[str, Any]]:
    return [
        {
            "type": "file" if path.is_file() else "directory",
            "path": path.relative_to(folder).as_posix(),
            "size": path.stat().st_size if path.is_file() else 0,
            "oid": sha1(path) if path.is_file() else COMMIT,
        }
        for path in sorted(folder.rglob("*"))
    ]


def sha1(path: Path) -> str:
    return hashlib.sha1(path.read_bytes()).hexdigest()


@contextmanager
def stand_in_hub(folder: Path) -> Iterator[StandInHub]:
    """Serves ``folder / "hub"``; what clients fetch lies in ``folder / "cache"``."""
    hub = StandInHub(folder / "hub", folder / "cache")
    server = make_server("127.0.0.1", 0, hub.app(), threaded=True)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
