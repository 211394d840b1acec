"""The tasks of Celery's worker, and its settings."""

import os

import celery

URL = f"redis://127.0.0.1:{os.environ['TRENCADIS_PORT']}"
app = celery.Celery("celery_work", broker=f"{URL}/0", backend=f"{URL}/1")
app.conf.update(broker_connection_retry_on_startup=True, worker_send_task_events=True)


@app.task
def add(a, b):
    return a + b


@app.task
def total(numbers):
    return sum(numbers)


@app.task
def fail(why):
    raise ValueError(why)


@app.task(bind=True, max_retries=5)
def stubborn(self):
    if self.request.retries < 2:
        raise self.retry(countdown=0.05)
    return f"attempt {self.request.retries + 1}"
