// ioredis: pipelines, transactions, messages, iterators, streams, scripts, waiting, in both protocols.
'use strict';

const Redis = require('ioredis');
const { assert, port, run, sleep, until } = require('./steps.cjs');

let redis;

const steps = (protocol) => ({
    async 'the beginning'() {
        redis = new Redis(port, '127.0.0.1', { protocol });
        await redis.flushall();
    },

    async 'plain commands'() {
        assert.equal(await redis.set('k', 'v'), 'OK');
        assert.equal(await redis.get('k'), 'v');
        assert.equal(await redis.set('k', 'w', 'NX'), null);
        assert.deepEqual(await redis.mget('k', 'missing'), ['v', null]);
        assert.deepEqual(await redis.getBuffer('k'), Buffer.from('v'));
        const bytes = Buffer.from([0, 255, 13, 10, 128]);
        await redis.set('bytes', bytes);
        assert.deepEqual(await redis.getBuffer('bytes'), bytes);
        await redis.hset('h', { a: 1, b: 'two' });
        assert.deepEqual(await redis.hgetall('h'), { a: '1', b: 'two' });
        assert.equal(await redis.zadd('z', 1.5, 'a', 2, 'b'), 2);
        assert.deepEqual(await redis.zrange('z', 0, -1, 'WITHSCORES'), ['a', '1.5', 'b', '2']);
        await assert.rejects(redis.incr('h'), /^ReplyError: WRONGTYPE Operation against a key holding the wrong kind of value$/);
        await assert.rejects(redis.call('NONSENSE', 'a'), /unknown command 'NONSENSE', with args beginning with: 'a'/);
    },

    async 'a pipeline of a thousand'() {
        const pipeline = redis.pipeline();
        for (let i = 0; i < 1000; i += 1) pipeline.set(`p:${i}`, i).incr(`p:${i}`);
        pipeline.lpush('k', 'wrong type');
        const results = await pipeline.exec();
        assert.equal(results.length, 2001);
        for (let i = 0; i < 1000; i += 1) {
            assert.deepEqual(results[2 * i], [null, 'OK']);
            assert.deepEqual(results[2 * i + 1], [null, i + 1]);
        }
        assert.match(results[2000][0].message, /^WRONGTYPE/);
    },

    async 'pipelines made by themselves'() {
        const eager = new Redis(port, '127.0.0.1', { enableAutoPipelining: true });
        const values = await Promise.all(Array.from({ length: 500 }, (_, i) => eager.get(`p:${i}`)));
        assert.deepEqual(values, Array.from({ length: 500 }, (_, i) => String(i + 1)));
        await eager.quit();
    },

    async 'transactions'() {
        assert.deepEqual(await redis.multi().set('a', 1).incr('a').mget('a', 'b').exec(), [[null, 'OK'], [null, 2], [null, ['2', null]]]);
        const other = redis.duplicate();
        await redis.watch('a', 'b');
        await other.set('b', 'changed');
        assert.equal(await redis.multi().set('a', 'lost').exec(), null);
        assert.equal(await redis.get('a'), '2');
        await assert.rejects(redis.multi().set('a').exec(), /EXECABORT Transaction discarded because of previous errors/);
        // Every client adds one ten times, whoever comes between.
        const clients = Array.from({ length: 5 }, () => redis.duplicate());
        await redis.set('sum', 0);
        await Promise.all(clients.map(async (client) => {
            for (let done = 0; done < 10;) {
                await client.watch('sum');
                const sum = Number(await client.get('sum'));
                if (await client.multi().set('sum', sum + 1).exec()) done += 1;
            }
            client.disconnect();
        }));
        assert.equal(await redis.get('sum'), '50');
        other.disconnect();
    },

    async 'messages'() {
        const subscriber = redis.duplicate();
        const heard = [];
        subscriber.on('message', (channel, message) => heard.push([channel, message]));
        subscriber.on('pmessage', (pattern, channel, message) => heard.push([pattern, channel, message]));
        assert.equal(await subscriber.subscribe('news', 'weather'), 2);
        assert.equal(await subscriber.psubscribe('n*'), 3);
        assert.equal(await redis.publish('news', 'hello'), 2);
        assert.equal(await redis.publish('weather', 'rain'), 1);
        await until('three messages', () => heard.length === 3);
        assert.deepEqual(heard, [['news', 'hello'], ['n*', 'news', 'hello'], ['weather', 'rain']]);
        if (protocol === 2) await assert.rejects(subscriber.get('k'), /subscriber mode/);
        else assert.equal(await subscriber.get('k'), 'v');
        assert.equal(await subscriber.unsubscribe('news', 'weather'), 1);
        assert.equal(await subscriber.punsubscribe('n*'), 0);
        assert.equal(await subscriber.get('k'), 'v');
        subscriber.disconnect();
    },

    async 'iterators'() {
        const keys = new Set();
        for await (const some of redis.scanStream({ match: 'p:*', count: 100 })) some.forEach((key) => keys.add(key));
        assert.equal(keys.size, 1000);
        await redis.hset('large', Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`f${i}`, i])));
        let fields = 0;
        for await (const some of redis.hscanStream('large', { count: 50 })) fields += some.length / 2;
        assert.equal(fields, 1000);
    },

    async 'streams'() {
        for (let i = 1; i <= 10; i += 1) await redis.xadd('s', `${i}-0`, 'n', i);
        const [[name, entries]] = await redis.xread('COUNT', 3, 'STREAMS', 's', '5-0');
        assert.equal(name, 's');
        assert.deepEqual(entries, [['6-0', ['n', '6']], ['7-0', ['n', '7']], ['8-0', ['n', '8']]]);
        await redis.xgroup('CREATE', 's', 'g', '0');
        const [[, taken]] = await redis.xreadgroup('GROUP', 'g', 'c1', 'COUNT', 4, 'STREAMS', 's', '>');
        assert.equal(taken.length, 4);
        assert.equal(await redis.xack('s', 'g', '1-0', '2-0'), 2);
        assert.equal((await redis.xpending('s', 'g'))[0], 2);
        const [, claimed] = await redis.xautoclaim('s', 'g', 'c2', 0, '0');
        assert.deepEqual(claimed.map(([id]) => id), ['3-0', '4-0']);
    },

    async 'prefixes, names and databases'() {
        const named = new Redis(port, '127.0.0.1', { keyPrefix: 'pre:', connectionName: 'ioredis-test', db: 3 });
        await named.set('k', 'in three');
        assert.match(await named.client('LIST'), /name=ioredis-test .*db=3/);
        await redis.select(3);
        assert.equal(await redis.get('pre:k'), 'in three');
        await redis.select(0);
        assert.match(await redis.info('server'), /redis_version:7\./);
        named.disconnect();
    },

    async 'a connection that is killed comes back'() {
        const victim = redis.duplicate();
        victim.on('error', () => {});
        const id = await victim.client('ID');
        assert.equal(await redis.client('KILL', 'ID', id), 1);
        await sleep(20);
        assert.equal(await victim.get('k'), 'v');
        assert.notEqual(await victim.client('ID'), id);
        victim.disconnect();
    },

    async 'what the monitor sees'() {
        const monitor = await redis.monitor();
        const seen = [];
        monitor.on('monitor', (_time, words) => seen.push(words.join(' ')));
        await redis.set('watched', 1);
        await until('the monitor to tell', () => seen.includes('set watched 1'));
        monitor.disconnect();
    },

    async 'waiting'() {
        const waiter = redis.duplicate();
        const popped = waiter.blpop('empty', 'later', 10);
        await sleep(50);
        await redis.rpush('later', 'x', 'y');
        assert.deepEqual(await popped, ['later', 'x']);
        assert.equal(await waiter.blpop('empty', 0.05), null);
        const lowest = waiter.bzpopmin('zlater', 10);
        await sleep(20);
        await redis.zadd('zlater', 2, 'b', 1, 'a');
        assert.deepEqual(await lowest, ['zlater', 'a', '1']);
        const read = waiter.xread('BLOCK', 10_000, 'STREAMS', 's', '$');
        await sleep(20);
        await redis.xadd('s', '*', 'late', 'yes');
        assert.deepEqual((await read)[0][1][0][1], ['late', 'yes']);
        waiter.disconnect();
    },

    async 'scripts'() {
        redis.defineCommand('addAndTell', {
            numberOfKeys: 2,
            lua: 'return {redis.call("INCRBY", KEYS[1], ARGV[1]), redis.call("INCRBY", KEYS[2], ARGV[1])}',
        });
        // EVALSHA, and EVAL where the server does not know it.
        assert.deepEqual(await redis.addAndTell('left', 'right', 5), [5, 5]);
        assert.deepEqual(await redis.addAndTell('left', 'right', 2), [7, 7]);
        const pipeline = redis.pipeline();
        for (let i = 0; i < 50; i += 1) pipeline.addAndTell('left', `right:${i}`, 1);
        const results = await pipeline.exec();
        assert.deepEqual(results[49], [null, [57, 1]]);
        await assert.rejects(redis.eval('return redis.error_reply("MY own")', 0), /MY own/);
    },

    async 'the end'() {
        await redis.quit();
    },
});

const named = (name, all) => Object.fromEntries(Object.entries(all).map(([step, run]) => [`${name}, ${step}`, run]));
run({ ...named('RESP2', steps(2)), ...named('RESP3', steps(3)) });
