"""Stash, interface `raw`: JSON on stdin, `{"output"}` or `{"error"}` on stdout, log on stderr.

Stash kills a plugin without a warning; nothing is lost by it: reports are whole or not there, and the same
scene asked again gets the stored answer.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
from qc_host import NotAnswered, asset_event, call

# Stash reads one byte of control before each line: SOH, a level, STX.
LEVELS = {"info": "i", "warning": "w", "error": "e", "progress": "p"}
_SCENE = 'query($id: ID!) { findScene(id: $id) { files { path fingerprint(type: "oshash") } } }'
_SETTINGS = "{ configuration { plugins } }"


def log(level: str, text: object) -> None:
    """One line as Stash reads it."""
    print(f"\x01{LEVELS[level]}\x02{text}", file=sys.stderr, flush=True)


def main() -> None:
    """Answer one call of Stash."""
    given = json.load(sys.stdin)
    try:
        result = call(_event(given), tell=lambda p: log("progress", p["done"]))
        answer = (
            {"output": _say(result)} if result["verdict"] != "error" else {"error": result["error"]["text"]}
        )
    except (NotAnswered, OSError, LookupError) as error:
        answer = {"error": str(error)}
    print(json.dumps(answer))


def _event(given: dict[str, Any]) -> dict[str, Any]:
    server, args = given["server_connection"], given.get("args") or {}
    reports = (
        _ask(server, _SETTINGS)["configuration"]["plugins"].get("qc-plugin", {}).get("reports")
        or "qc-reports"
    )
    if args.get("mode") == "warm-up":
        # Every call is work: a machine may have got another GPU since.
        return {"schema": 1, "event": "task.run", "id": f"stash/warm-up/{Path(reports)}", "task": "warm-up",
                "settings": {"reports": reports, "dry_run": True}}  # fmt: skip
    scene = str(args["hookContext"]["id"])
    file = _ask(server, _SCENE, id=scene)["findScene"]["files"][0]
    # With the fingerprint: a scene whose file was replaced is another question.
    return asset_event(file["path"], f"stash/scene/{scene}/{file.get('fingerprint')}", reports=reports)


def _say(result: dict[str, Any]) -> str:
    for reason in result["reasons"]:
        log("warning", f"{reason['at_s']:.2f} s: {reason['text']}")
    return f"{result['verdict']}; sheet: {result.get('sheet', 'none')}"


def _ask(server: dict[str, Any], query: str, **variables: str) -> dict[str, Any]:
    """GraphQL with the cookie Stash gives us."""
    address = f"{server['Scheme']}://{server.get('Host') or '127.0.0.1'}:{server['Port']}/graphql"
    cookie = server.get("SessionCookie") or {}
    headers = {"Content-Type": "application/json"}
    if cookie:
        headers["Cookie"] = f"{cookie['Name']}={cookie['Value']}"
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(address, data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["data"]


if __name__ == "__main__":
    main()
