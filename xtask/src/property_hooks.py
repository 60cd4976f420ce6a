"""Hooks of the property test of the HTTP interface: what the random requests are about.

Random ids name nothing, so that most requests would end with 404. Before most requests the ids in
the path, and the fields of the body that name things, are replaced by those of objects that were
made through the same interface. An operation that ends an object gets one of its own. Counts the
operations that succeeded, and tells of the others.
"""

import atexit
import os
import random
import subprocess
import threading
import time
import uuid
from pathlib import Path
from urllib.parse import quote

import requests
import schemathesis

URL = os.environ["PROPERTY_URL"]
DIR = Path(os.environ["PROPERTY_DIR"])
HTTP = requests.Session()
HTTP.headers["Authorization"] = "Bearer " + os.environ["PROPERTY_TOKEN"]

# One case of so many keeps what the generator made.
KEPT_OF = 5

# The repositories are made without the settings of whoever runs the test.
os.environ["GIT_CONFIG_GLOBAL"] = os.devnull

# It waits for what is typed.
AGENT = "cat - {{prompt}}"

# One body of so many is one that is taken.
SOUND_OF = 3

CHOICE = random.Random(7171)
LOCK = threading.RLock()
SHARED = {}
SUCCEEDED = {}


def api(method, path, body=None):
    response = HTTP.request(method, URL + path, json=body, timeout=20)
    response.raise_for_status()
    return response.json() if response.content else None


def found(value, key):
    """The first field of that name, outermost first."""
    level = [value]
    while level:
        for each in level:
            if isinstance(each, dict) and isinstance(each.get(key), (str, dict)):
                return each[key]
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each if isinstance(each, list) else ())
        ]
    raise KeyError(f"{key} in {value}")


def directory(origin=None):
    """A git repository with two commits and a change; its own origin when none is given."""
    path = DIR / f"repository-{uuid.uuid4().hex[:8]}"
    git = ["git", "-C", str(path), "-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "init", "-q", "-b", "main", str(path)], check=True)
    for text in ("one\n", "one\ntwo\n"):
        (path / "README").write_text(text)
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-q", "-m", "a commit"], check=True)
    (path / "README").write_text("one\ntwo\nthree\n")
    subprocess.run([*git, "remote", "add", "origin", origin or str(path)], check=True)
    return str(path)


def repository(origin=None):
    path = directory(origin)
    return {"id": found(api("POST", "/api/repositories", {"path": path}), "id"), "path": path}


def hosted():
    """A repository whose origin is never asked; addresses of web pages are made from it."""
    return repository("https://github.com/example/example.git")


def session(of="repository"):
    path = shared(of)["path"]
    place = {"kind": "new-branch", "branch": f"b-{uuid.uuid4().hex[:8]}"}
    run = {"kind": "agent", "agentId": shared("agent")["id"]}
    request = {"path": path, "place": place, "run": run, "prompt": "say yes"}
    made = found(api("POST", "/api/sessions/start", request), "session")
    workers = {each["type"]: each["id"] for each in made["workers"]}
    path, worker, diff = made["locationPath"], workers["agent"], workers.get("git-diff")
    return {"id": made["id"], "worker": worker, "diff": diff, "path": path}


def hosted_session():
    return session("hosted")


def paused():
    made = session()
    api("POST", f"/api/sessions/{made['id']}/pause")
    return made


def trash():
    made = session()
    (Path(made["path"]) / "new").write_text("kept\n")
    api("DELETE", f"/api/sessions/{made['id']}?worktree=discard")
    base = f"/api/repositories/{shared('repository')['id']}/trash"
    return {"id": found(api("GET", base), "id")}


def agent():
    body = {"name": f"agent {uuid.uuid4().hex[:8]}", "commandTemplate": AGENT}
    return {"id": found(api("POST", "/api/agents", body), "id")}


def webhook():
    body = {"url": f"https://example.org/{uuid.uuid4().hex[:8]}"}
    return {"id": found(api("POST", "/api/webhooks", body), "id")}


def token():
    return {"id": found(api("POST", "/api/tokens", {"name": "of the test"}), "id")}


def prompt():
    text = {"text": "echo later"}
    worker = shared("session")["worker"]
    return {"id": found(api("POST", f"/api/workers/{worker}/prompts", text), "id"), "worker": worker}


def job():
    body = {"mode": "custom", "branch": f"j-{uuid.uuid4().hex[:8]}", "taskId": uuid.uuid4().hex}
    api("POST", f"/api/repositories/{shared('repository')['id']}/worktrees", body)
    return {"id": found(api("GET", "/api/jobs?limit=1"), "id")}


def stalled():
    """A job that was canceled, unless it was done before."""
    made = job()
    at = f"/api/jobs/{made['id']}"
    HTTP.post(f"{URL}{at}/cancel", timeout=20)
    for _ in range(100):
        if found(api("GET", at), "status") not in ("pending", "processing"):
            break
        time.sleep(0.02)
    return made


def slack():
    made = repository()
    url = "https://hooks.slack.com/services/T/B/x"
    api("PUT", f"/api/repositories/{made['id']}/integrations/slack", {"webhookUrl": url})
    return made


MAKERS = {
    "agents": agent,
    "jobs": job,
    "repositories": repository,
    "sessions": session,
    "tokens": token,
    "webhooks": webhook,
}

# Those that end what they are about, or change it for all others.
ENDING = {"sessions_pause", "sessions_resume", "workers_stop", "jobs_cancel", "jobs_retry", "trash_restore"}


def shared(kind):
    """An object that many requests are about."""
    with LOCK:
        if kind not in SHARED:
            SHARED[kind] = globals()[kind]()
        return SHARED[kind]


def operation_of(case):
    return case.operation.definition.raw["operationId"]


def path_ids(operation, path, fresh):
    """The values of the parameters of a path."""
    kind = path.split("/")[2]
    if operation == "repositories_github":
        return {"id": shared("hosted")["id"]}
    if operation == "sessions_pr_link":
        return {"id": shared("hosted_session")["id"]}
    if operation == "slack_delete":
        return {"id": slack()["id"]}
    if operation in ("jobs_delete", "jobs_retry"):
        return {"id": stalled()["id"]}
    if "/diff" in path:
        made = shared("session")
        return {"sid": made["id"], "wid": made["diff"]}
    if operation == "sessions_resume":
        return {"id": paused()["id"]}
    if "/trash/{entry}" in path:
        return {"id": shared("repository")["id"], "entry": trash()["id"]}
    if "/worktrees/{path}" in path:
        return {"id": shared("repository")["id"], "path": quote(session()["path"], safe="")}
    if "/branches/{branch}" in path:
        return {"id": shared("repository")["id"], "branch": "main"}
    if kind == "workers":
        made = prompt() if "{prompt}" in path else {"worker": shared("session")["worker"], "id": ""}
        return {"id": made["worker"], "prompt": made["id"]}
    if kind not in MAKERS:
        return {}
    maker = MAKERS[kind]
    made = maker() if fresh else shared(maker.__name__)
    return {"id": made["id"], "sid": made["id"], "wid": made.get("worker")}


def sound(operation):
    """A body that is taken, where hardly a random one is; None elsewhere."""
    some = uuid.uuid4().hex[:8]
    if operation == "agents_create":
        return {"name": f"agent {some}", "commandTemplate": AGENT}
    if operation == "messages_create":
        return {"toWorkerId": shared("session")["worker"], "content": "hello"}
    if operation == "sessions_create":
        path, agent_id = shared("repository")["path"], shared("agent")["id"]
        return {"type": "quick", "locationPath": path, "agentId": agent_id}
    if operation == "worktrees_create":
        return {"mode": "custom", "branch": f"w-{some}", "taskId": some}
    return {
        "agents_patch": {"description": "changed"},
        "repositories_patch": {"setupCommand": "true"},
        "sessions_patch": {"title": "changed"},
        "settings_patch": {"idle": None},
        "trash_restore": {},
        "usage_report": {"resourceLogs": []},
        "webhooks_patch": {"enabled": False},
    }.get(operation)


def named_things(operation):
    """Fields of a random body or query that name things."""
    some = uuid.uuid4().hex[:8]
    if operation == "repositories_create":
        return {"path": directory()}
    if operation == "sessions_create":
        return {"locationPath": shared("repository")["path"], "agentId": shared("agent")["id"]}
    if operation == "sessions_start":
        path, place = shared("repository")["path"], {"kind": "new-branch"}
        return {"path": path, "place": place, "run": {"kind": "shell"}}
    if operation == "messages_create":
        return {"toWorkerId": shared("session")["worker"], "fromWorkerId": None}
    return {
        "agents_create": {"commandTemplate": AGENT},
        "diff_file": {"path": "README"},
        "diff_lines": {"path": "README"},
        "slack_put": {"webhookUrl": "https://hooks.slack.com/services/T/B/x"},
        "trash_restore": {"path": None, "branch": None},
        "webhooks_create": {"url": f"https://example.org/{some}", "repositoryId": None},
        "worktrees_create": {"mode": "custom", "branch": f"w-{some}", "agentId": None},
    }.get(operation, {})


@schemathesis.hook
def before_call(context, case, kwargs):
    with LOCK:
        operation, path = operation_of(case), case.operation.path
        # The generator remembers ids of answers: one that it revokes could be the test's own.
        if operation != "tokens_revoke" and CHOICE.randrange(KEPT_OF) == 0:
            return
        fresh = case.method.upper() == "DELETE" or operation in ENDING
        if case.path_parameters:
            try:
                ids = path_ids(operation, path, fresh)
            except requests.HTTPError:
                # Another request has ended what all share.
                SHARED.clear()
                ids = path_ids(operation, path, fresh)
            for name in case.path_parameters:
                if ids.get(name):
                    case.path_parameters[name] = ids[name]
        whole = sound(operation)
        if whole is not None and CHOICE.randrange(SOUND_OF) == 0:
            case.body = whole
            return
        for name, value in named_things(operation).items():
            if isinstance(case.body, dict):
                case.body[name] = value
            elif operation.startswith("diff_") and case.query is not None:
                case.query[name] = value


@schemathesis.hook
def after_call(context, case, response):
    with LOCK:
        operation = operation_of(case)
        SUCCEEDED[operation] = SUCCEEDED.get(operation, 0) + (response.status_code < 400)
        # A remembered id may have been that of a shared object.
        ids = set((case.path_parameters or {}).values())
        if response.status_code == 404 and any(made["id"] in ids for made in SHARED.values()):
            SHARED.clear()


@atexit.register
def tell():
    if not SUCCEEDED:
        return
    missed = sorted(operation for operation, times in SUCCEEDED.items() if times == 0)
    print(f"{len(SUCCEEDED) - len(missed)} of {len(SUCCEEDED)} operations succeeded at least once")
    print("never:", ", ".join(missed) or "none")
