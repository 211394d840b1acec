"""redis-py: pipelines, transactions, messages, iterators, streams, locks, waiting and its cache, in both protocols; and its asyncio half."""

import asyncio
import threading

import redis
import redis.asyncio
from redis.cache import CacheConfig

from steps import PORT, run, until


def connect(**options):
    return redis.Redis(host="127.0.0.1", port=PORT, **options)


def raises(kind, text, deed):
    try:
        deed()
    except kind as error:
        assert text in str(error), error
    else:
        raise AssertionError(f"{kind.__name__} was not raised")


def steps(protocol):
    client = connect(protocol=protocol, decode_responses=True)

    def plain_commands():
        client.flushall()
        assert client.set("k", "v", ex=100) is True
        assert client.get("k") == "v" and 90 < client.ttl("k") <= 100
        assert client.set("k", "w", nx=True) is None
        assert connect(protocol=protocol).get("k") == b"v"
        assert client.hset("h", mapping={"a": 1, "b": "two"}) == 2
        assert client.hgetall("h") == {"a": "1", "b": "two"}
        assert client.zadd("z", {"a": 1.5, "b": float("inf")}) == 2
        scores = client.zrange("z", 0, -1, withscores=True)
        assert [tuple(pair) for pair in scores] == [("a", 1.5), ("b", float("inf"))], scores
        assert client.sadd("s", "a", "b") == 2 and client.smembers("s") == {"a", "b"}
        assert client.geoadd("places", (13.361389, 38.115556, "Palermo")) == 1
        assert abs(client.geopos("places", "Palermo")[0][0] - 13.361389) < 1e-5
        assert client.config_get("maxmemory*")["maxmemory-policy"] == "noeviction"
        assert client.info("server")["redis_version"].startswith("7.")
        assert client.object("encoding", "h") in ("listpack", "ziplist")
        assert client.command_getkeys("MSET", "a", "1", "b", "2") == ["a", "b"]
        raises(redis.ResponseError, "WRONGTYPE Operation", lambda: client.incr("h"))
        raises(redis.ResponseError, "unknown command", lambda: client.execute_command("NONSENSE"))

    def pipelines():
        pipe = client.pipeline(transaction=False)
        for i in range(1000):
            pipe.set(f"p:{i}", i)
            pipe.incr(f"p:{i}")
        assert pipe.execute() == [True, 1] + [answer for i in range(1, 1000) for answer in (True, i + 1)]

    def transactions():
        pipe = client.pipeline()
        assert pipe.set("a", 1).incr("a").hgetall("h").execute() == [True, 2, {"a": "1", "b": "two"}]
        pipe.watch("a", "unrelated")
        client.incr("a")
        pipe.multi()
        pipe.set("a", "lost")
        raises(redis.WatchError, "Watched variable changed", pipe.execute)
        raises(redis.ResponseError, "wrong number of arguments", lambda: client.pipeline().set("x", 1).execute_command("GET").execute())
        assert not client.exists("x")

        def add(pipe):
            value = int(pipe.get("sum") or 0)
            pipe.multi()
            pipe.set("sum", value + 1)

        def add_ten():
            for _ in range(10):
                client.transaction(add, "sum", watch_delay=0.001)

        threads = [threading.Thread(target=add_ten) for _ in range(4)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert client.get("sum") == "40"

    def messages():
        heard = []
        pubsub = client.pubsub(ignore_subscribe_messages=True)
        pubsub.subscribe(news=lambda message: heard.append(message["data"]))
        pubsub.psubscribe(**{"n?ws": lambda message: heard.append(message["channel"])})
        pubsub.ssubscribe(shard=lambda message: heard.append("shard " + message["data"]))
        thread = pubsub.run_in_thread(sleep_time=0.01, sharded_pubsub=False)
        until("the subscriptions", lambda: client.pubsub_numsub("news")[0][1] == 1 and client.pubsub_shardnumsub("shard")[0][1] == 1)
        assert client.publish("news", "hello") == 2
        assert client.spublish("shard", "here") == 1
        until("three messages", lambda: len(heard) == 3)
        assert sorted(heard) == ["hello", "news", "shard here"]
        thread.stop()
        thread.join()
        pubsub.close()

    def iterators():
        assert len(set(client.scan_iter("p:*", count=100))) == 1000
        client.hset("large", mapping={f"f{i}": i for i in range(1000)})
        assert len(dict(client.hscan_iter("large"))) == 1000
        assert len(list(client.scan_iter(_type="hash"))) == 2

    def streams():
        for i in range(1, 11):
            client.xadd("st", {"n": i}, id=f"{i}-0")
        client.xgroup_create("st", "g", "0")
        read = client.xreadgroup("g", "c1", {"st": ">"}, count=4)
        entries = read["st"] if isinstance(read, dict) else read[0][1]
        entries = entries[0] if isinstance(entries[0], list) else entries
        assert [entry[0] for entry in entries] == ["1-0", "2-0", "3-0", "4-0"], read
        assert client.xack("st", "g", "1-0", "2-0") == 2
        assert client.xpending("st", "g")["pending"] == 2
        assert client.xautoclaim("st", "g", "c2", 0)[1][0][0] == "3-0"
        assert client.xinfo_stream("st")["length"] == 10
        assert client.xinfo_groups("st")[0]["pending"] == 2
        assert client.xtrim("st", maxlen=3, approximate=False) == 7

    def killed_connections_come_back():
        victim = connect(protocol=protocol)
        client.client_kill_filter(_id=victim.client_id())
        assert victim.get("p:5") == b"6"

    def waiting():
        timer = threading.Timer(0.05, lambda: connect().rpush("later", "x", "y"))
        timer.start()
        assert tuple(client.blpop(["empty", "later"], timeout=10)) == ("later", "x")
        assert client.blmove("later", "moved", 0.05) == "y"
        assert client.blpop("empty", timeout=0.05) is None
        timer.join()

    def locks_and_scripts():
        add = client.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
        assert add(keys=["scripted"], args=[5]) == 5 and add(keys=["scripted"], args=[2]) == 7
        with client.lock("lock", timeout=10, blocking_timeout=1) as lock:
            assert lock.owned() and not client.lock("lock", blocking=False).acquire()
            assert lock.extend(10)
        assert client.lock("lock", blocking=False, timeout=1).acquire()

    deeds = (plain_commands, pipelines, transactions, messages, iterators, streams, killed_connections_come_back, waiting, locks_and_scripts)
    return {f"RESP{protocol}, {deed.__name__}": deed for deed in deeds}


def cache():
    # It asks for a version before it asks for the feature, which is older.
    redis.connection.CacheProxyConnection.MIN_ALLOWED_VERSION = "7.0.0"
    reader, writer = connect(protocol=3, cache_config=CacheConfig(), decode_responses=True), connect()
    writer.set("cached", "old")
    assert reader.get("cached") == "old" and reader.get("cached") == "old"
    assert reader.get_cache().size == 1
    commands = reader.info("stats")["total_commands_processed"]
    assert reader.get("cached") == "old"
    assert reader.info("stats")["total_commands_processed"] == commands + 1, "a cached key was asked for"
    writer.set("cached", "new")
    until("the change to be told", lambda: reader.get("cached") == "new")


def asyncio_half():
    async def converse():
        client = redis.asyncio.Redis(host="127.0.0.1", port=PORT, decode_responses=True)
        assert all(await asyncio.gather(*(client.set(f"a:{i}", i) for i in range(100))))
        async with client.pipeline(transaction=True) as pipe:
            assert await pipe.incr("a:1").get("a:2").execute() == [2, "2"]
        async with client.pubsub() as pubsub:
            await pubsub.subscribe("news")
            assert (await pubsub.get_message(timeout=5))["type"] == "subscribe"
            await client.publish("news", "hello")
            assert (await pubsub.get_message(timeout=5))["data"] == "hello"
        assert len([key async for key in client.scan_iter("a:*")]) == 100
        await client.aclose()

    asyncio.run(converse())


run({**steps(2), **steps(3), "a cache of its own": cache, "asyncio": asyncio_half})
