// node-redis: pipelines, transactions, messages, iterators, streams, pools, waiting, scripts and a cache of its own, in both protocols.
'use strict';

const { createClient, createClientPool, defineScript, BasicClientSideCache, WatchError } = require('redis');
const { assert, run, sleep, until, url } = require('./steps.cjs');

async function connect(options = {}) {
    const client = createClient({ url, ...options });
    client.on('error', () => {});
    return client.connect();
}

let client;

function steps(RESP) {
    return {
        async 'plain commands'() {
            client = await connect({ RESP });
            await client.flushAll();
            assert.equal(await client.set('k', 'v', { expiration: { type: 'EX', value: 100 } }), 'OK');
            assert.equal(await client.get('k'), 'v');
            assert.ok((await client.ttl('k')) > 90);
            assert.equal(await client.hSet('h', { a: '1', b: 'two' }), 2);
            assert.deepEqual({ ...(await client.hGetAll('h')) }, { a: '1', b: 'two' });
            assert.equal(await client.zAdd('z', [{ score: 1.5, value: 'a' }, { score: Infinity, value: 'b' }]), 2);
            assert.deepEqual(await client.zRangeWithScores('z', 0, -1), [{ value: 'a', score: 1.5 }, { value: 'b', score: Infinity }]);
            assert.equal(await client.zScore('z', 'a'), 1.5);
            assert.deepEqual((await client.sendCommand(['SADD', 's', 'a', 'b'])), 2);
            assert.deepEqual([...(await client.sMembers('s'))].sort(), ['a', 'b']);
            assert.equal(await client.geoAdd('places', { longitude: 13.361389, latitude: 38.115556, member: 'Palermo' }), 1);
            const [place] = await client.geoPos('places', 'Palermo');
            assert.ok(Math.abs(Number(place.longitude) - 13.361389) < 1e-5);
            await assert.rejects(client.incr('h'), /^Error: WRONGTYPE|WRONGTYPE/);
            assert.match(await client.info('server'), /redis_version:7\./);
        },

        async 'everything at once'() {
            const replies = await Promise.all(Array.from({ length: 1000 }, (_, i) => client.set(`p:${i}`, `${i}`)));
            assert.ok(replies.every((reply) => reply === 'OK'));
            const values = await client.mGet(Array.from({ length: 1000 }, (_, i) => `p:${i}`));
            assert.deepEqual(values, Array.from({ length: 1000 }, (_, i) => `${i}`));
        },

        async 'transactions'() {
            assert.deepEqual(await client.multi().set('a', '1').incr('a').hGetAll('h').exec().then(([a, b, c]) => [a, b, { ...c }]),
                ['OK', 2, { a: '1', b: 'two' }]);
            const other = await connect({ RESP });
            await other.watch(['a', 'unrelated']);
            await client.incr('a');
            await assert.rejects(other.multi().set('a', 'lost').exec(), WatchError);
            assert.equal(await client.get('a'), '3');
            other.destroy();
        },

        async 'a pool'() {
            const pool = await createClientPool({ url, RESP }, { minimum: 2, maximum: 8 }).connect();
            await Promise.all(Array.from({ length: 100 }, () => pool.incr('counted')));
            assert.equal(await pool.get('counted'), '100');
            await pool.destroy();
        },

        async 'messages'() {
            const subscriber = await connect({ RESP });
            const heard = [];
            await subscriber.subscribe('news', (message, channel) => heard.push(`${channel}:${message}`));
            await subscriber.pSubscribe('n?ws', (message, channel) => heard.push(`pattern ${channel}:${message}`));
            await subscriber.sSubscribe('shard', (message, channel) => heard.push(`${channel}:${message}`));
            assert.equal(await client.publish('news', 'hello'), 2);
            assert.equal(await client.sPublish('shard', 'here'), 1);
            await until('three messages', () => heard.length === 3);
            assert.deepEqual(heard.sort(), ['news:hello', 'pattern news:hello', 'shard:here']);
            // In RESP3 a subscriber goes on asking.
            if (RESP === 3) assert.equal(await subscriber.get('p:7'), '7');
            await subscriber.unsubscribe('news');
            await subscriber.pUnsubscribe('n?ws');
            await subscriber.sUnsubscribe('shard');
            assert.equal(await client.publish('news', 'nobody'), 0);
            subscriber.destroy();
        },

        async 'iterators'() {
            const keys = new Set();
            for await (const some of client.scanIterator({ MATCH: 'p:*', COUNT: 100 })) some.forEach((key) => keys.add(key));
            assert.equal(keys.size, 1000);
            await client.zAdd('many', Array.from({ length: 500 }, (_, i) => ({ score: i, value: `m${i}` })));
            const members = new Set();
            for await (const some of client.zScanIterator('many')) some.forEach(({ value }) => members.add(value));
            assert.equal(members.size, 500);
        },

        async 'streams'() {
            for (let i = 1; i <= 5; i += 1) await client.xAdd('st', `${i}-0`, { n: `${i}` });
            assert.equal(await client.xLen('st'), 5);
            await client.xGroupCreate('st', 'g', '0');
            const [{ name, messages }] = await client.xReadGroup('g', 'c', { key: 'st', id: '>' }, { COUNT: 3 });
            assert.equal(name, 'st');
            assert.deepEqual(messages.map(({ id, message }) => [id, message.n]), [['1-0', '1'], ['2-0', '2'], ['3-0', '3']]);
            assert.equal(await client.xAck('st', 'g', '1-0'), 1);
            assert.equal((await client.xPending('st', 'g')).pending, 2);
            const info = await client.xInfoStream('st');
            assert.equal(info.length, 5);
            const [group] = await client.xInfoGroups('st');
            assert.equal(group.pending, 2);
        },

        async 'waiting'() {
            const waiter = await connect({ RESP });
            const popped = waiter.blPop(['empty', 'later'], 10);
            await sleep(50);
            await client.rPush('later', 'x');
            assert.deepEqual({ ...(await popped) }, { key: 'later', element: 'x' });
            assert.equal(await waiter.blPop('empty', 0.05), null);
            waiter.destroy();
        },

        async 'scripts'() {
            const scripted = await connect({
                RESP,
                scripts: {
                    addTwice: defineScript({
                        SCRIPT: 'redis.call("INCRBY", KEYS[1], ARGV[1]) return redis.call("INCRBY", KEYS[1], ARGV[1])',
                        NUMBER_OF_KEYS: 1,
                        parseCommand(parser, key, by) {
                            parser.pushKey(key);
                            parser.push(String(by));
                        },
                        transformReply: (reply) => reply,
                    }),
                },
            });
            assert.equal(await scripted.addTwice('twice', 3), 6);
            assert.equal(await scripted.addTwice('twice', 1), 8);
            scripted.destroy();
        },

        async 'the end'() {
            await client.close();
        },
    };
}

async function cache() {
    const cached = new BasicClientSideCache({ ttl: 0, maxEntries: 0, evictPolicy: 'LRU' });
    const reader = await connect({ RESP: 3, clientSideCache: cached });
    const writer = await connect({ RESP: 3 });
    await writer.set('cached', 'old');
    assert.equal(await reader.get('cached'), 'old');
    assert.equal(await reader.get('cached'), 'old');
    assert.equal(cached.stats().hitCount, 1);
    await writer.set('cached', 'new');
    await until('the change to be told', async () => (await reader.get('cached')) === 'new');
    reader.destroy();
    writer.destroy();
}

const named = (name, all) => Object.fromEntries(Object.entries(all).map(([step, run]) => [`${name}, ${step}`, run]));
run({ ...named('RESP2', steps(2)), ...named('RESP3', steps(3)), 'a cache of its own': cache });
