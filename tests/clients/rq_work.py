"""What the workers of rq do."""

import os

import redis


def add(a, b):
    return a + b


def fail(why):
    raise ValueError(why)


def fail_twice():
    # Counted in the server: every attempt is a process of its own.
    if redis.Redis(host="127.0.0.1", port=int(os.environ["TRENCADIS_PORT"])).incr("attempts") < 3:
        raise ValueError("not yet")
    return "at last"
