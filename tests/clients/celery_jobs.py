"""Celery: tasks, groups, chains and chords through a worker that has the server as its broker and for its results; retries, times, revoked tasks, and what it
tells of itself."""

import os
import subprocess
import sys

import celery
import redis

from celery_work import add, app, fail, stubborn, total
from steps import PORT, run, until

HERE = os.path.dirname(os.path.abspath(__file__))
worker = None


def start():
    global worker
    command = [sys.executable, "-m", "celery", "-A", "celery_work", "worker", "-P", "threads", "-c", "4", "-n", "one@test", "-l", "error", "-E"]
    worker = subprocess.Popen(command, cwd=HERE, env={**os.environ, "PYTHONPATH": HERE}, stdout=subprocess.DEVNULL)
    until("the worker to answer", lambda: app.control.ping(timeout=0.5) == [{"one@test": {"ok": "pong"}}])


def two_hundred_tasks():
    results = [add.delay(i, 1) for i in range(200)]
    assert [result.get(timeout=20) for result in results] == list(range(1, 201))


def canvases():
    assert celery.group(add.s(i, i) for i in range(20))().get(timeout=20) == [2 * i for i in range(20)]
    assert celery.chain(add.s(1, 2), add.s(3), add.s(4))().get(timeout=20) == 10
    assert celery.chord((add.s(i, i) for i in range(10)), total.s())().get(timeout=20) == 90


def failures():
    result = fail.delay("no luck")
    try:
        result.get(timeout=20)
    except ValueError as error:
        assert str(error) == "no luck"
    else:
        raise AssertionError("it did not fail")
    assert result.state == "FAILURE"
    assert stubborn.delay().get(timeout=20) == "attempt 3"


def times():
    late = add.apply_async((1, 1), countdown=0.5)
    assert not late.ready()
    revoked = add.apply_async((2, 2), countdown=2)
    until("the task to be reserved", lambda: any(task["request"]["id"] == revoked.id for task in app.control.inspect(timeout=1).scheduled()["one@test"]))
    revoked.revoke()
    assert late.get(timeout=20) == 2
    try:
        revoked.get(timeout=20)
    except celery.exceptions.TaskRevokedError:
        pass
    else:
        raise AssertionError("it was not revoked")


def priorities_and_queues():
    results = [add.apply_async((i, 0), priority=i % 10) for i in range(40)]
    assert [result.get(timeout=20) for result in results] == list(range(40))
    stats = app.control.inspect(timeout=1).stats()
    assert stats["one@test"]["broker"]["transport"] == "redis", stats


def the_end():
    worker.terminate()
    assert worker.wait(20) == 0
    left = redis.Redis(host="127.0.0.1", port=PORT)
    assert left.llen("celery") == 0 and not left.exists("unacked")


run({
    "start": start,
    "two hundred tasks": two_hundred_tasks,
    "canvases": canvases,
    "failures": failures,
    "times": times,
    "priorities and queues": priorities_and_queues,
    "the end": the_end,
})
