"""rq: jobs through workers of its three kinds of ends: done, failed, tried again; one after another, at a time, and cancelled."""

import subprocess
import sys
import os
from datetime import timedelta

import redis
import rq
from rq.registry import FailedJobRegistry, FinishedJobRegistry, ScheduledJobRegistry

from steps import PORT, URL, run, until

connection = redis.Redis(host="127.0.0.1", port=PORT)
queue = rq.Queue("default", connection=connection)


def worker(*arguments):
    """A worker in a process of its own, as operators start it."""
    command = [sys.executable, "-m", "rq.cli", "worker", "--url", URL, "--quiet", *arguments]
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.abspath(__file__))}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)


def a_hundred_jobs():
    jobs = [queue.enqueue("rq_work.add", i, 1) for i in range(30)]
    assert len(queue) == 30
    workers = [worker("--burst", "default") for _ in range(2)]
    assert [process.wait(30) for process in workers] == [0, 0]
    assert [job.return_value() for job in jobs] == [i + 1 for i in range(30)]
    assert len(queue) == 0 and len(FinishedJobRegistry(queue=queue)) == 30


def ends_of_all_kinds():
    failing = queue.enqueue("rq_work.fail", "no luck")
    stubborn = queue.enqueue("rq_work.fail_twice", retry=rq.Retry(max=3))
    first = queue.enqueue("rq_work.add", 2, 3)
    then = queue.enqueue("rq_work.add", 10, 20, depends_on=first)
    never = queue.enqueue("rq_work.add", 0, 0)
    never.cancel()
    assert worker("--burst", "default").wait(30) == 0
    assert failing.get_status() == "failed" and "no luck" in failing.latest_result().exc_string
    assert len(FailedJobRegistry(queue=queue)) == 1
    assert stubborn.get_status() == "finished" and stubborn.return_value() == "at last"
    assert then.return_value() == 30
    assert never.get_status() == "canceled"


def at_its_time():
    soon = queue.enqueue_in(timedelta(seconds=1), "rq_work.add", 5, 6)
    assert len(ScheduledJobRegistry(queue=queue)) == 1
    process = worker("--with-scheduler", "default")
    until("the scheduled job", lambda: soon.get_status(refresh=True) == "finished")
    # A worker that waits for work gets what comes.
    late = queue.enqueue("rq_work.add", 7, 8)
    until("the job that came late", lambda: late.get_status(refresh=True) == "finished")
    assert late.return_value() == 15
    until("the worker to be known", lambda: rq.Worker.all(connection=connection))
    process.terminate()
    assert process.wait(20) == 0
    assert not rq.Worker.all(connection=connection)


run({"a hundred jobs": a_hundred_jobs, "ends of all kinds": ends_of_all_kinds, "at its time": at_its_time})
