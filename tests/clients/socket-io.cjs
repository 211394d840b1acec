// Socket.IO: two servers that know of each other through an adapter only. Its three adapters, over ioredis and node-redis.
'use strict';

const { createServer } = require('node:http');
const { Server } = require('socket.io');
const { io } = require('socket.io-client');
const { createAdapter, createShardedAdapter } = require('@socket.io/redis-adapter');
const { createAdapter: createStreamsAdapter } = require('@socket.io/redis-streams-adapter');
const { createClient } = require('redis');
const Redis = require('ioredis');
const { assert, port, run, until, url } = require('./steps.cjs');

async function serve(adapter) {
    const http = createServer();
    const server = new Server(http, { adapter });
    server.on('connection', (socket) => {
        socket.on('join', (room, done) => { socket.join(room); done(); });
        socket.on('ask', (done) => done('answered'));
    });
    await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve));
    return { server, address: `http://127.0.0.1:${http.address().port}` };
}

async function client(address) {
    const socket = io(address, { transports: ['websocket'], forceNew: true });
    socket.heard = [];
    socket.on('news', (text) => socket.heard.push(text));
    socket.on('question', (done) => done(socket.id));
    await new Promise((resolve, reject) => { socket.on('connect', resolve); socket.on('connect_error', reject); });
    return socket;
}

async function converse(adapters) {
    const servers = [await serve(adapters[0]), await serve(adapters[1])];
    const [near, far] = servers.map(({ server }) => server);
    const sockets = [await client(servers[0].address), await client(servers[0].address), await client(servers[1].address)];
    // The servers find each other.
    await until('both servers to know all sockets', async () => (await near.fetchSockets()).length === 3 && (await far.fetchSockets()).length === 3);
    await Promise.all([sockets[1], sockets[2]].map((socket) => new Promise((done) => socket.emit('join', 'room', done))));
    near.emit('news', 'to all');
    await until('all to hear', () => sockets.every(({ heard }) => heard.length === 1));
    far.to('room').emit('news', 'to the room');
    await until('the room to hear', () => sockets[1].heard.length === 2 && sockets[2].heard.length === 2);
    near.to('room').except(sockets[1].id).emit('news', 'to one of it');
    await until('one to hear', () => sockets[2].heard.length === 3);
    assert.deepEqual(sockets.map(({ heard }) => heard), [['to all'], ['to all', 'to the room'], ['to all', 'to the room', 'to one of it']]);
    // Binary data goes through as it is.
    const received = new Promise((resolve) => sockets[0].on('bytes', resolve));
    far.to(sockets[0].id).emit('bytes', Buffer.from([0, 255, 13, 10]));
    assert.deepEqual(await received, Buffer.from([0, 255, 13, 10]));
    // Every socket answers, wherever it is.
    const answers = await near.timeout(5000).emitWithAck('question');
    assert.deepEqual(answers.sort(), sockets.map(({ id }) => id).sort());
    // One server asks the others.
    far.on('ping', (text, done) => done(`${text} back`));
    assert.deepEqual(await near.serverSideEmitWithAck('ping', 'there and'), ['there and back']);
    far.socketsJoin('everyone');
    await until('the order to arrive', async () => (await near.in('everyone').fetchSockets()).length === 3);
    near.in('room').disconnectSockets();
    await until('them to leave', () => !sockets[1].connected && !sockets[2].connected);
    assert.ok(sockets[0].connected);
    sockets.forEach((socket) => socket.disconnect());
    await Promise.all(servers.map(({ server }) => server.close()));
}

const nodeRedis = async () => createClient({ url }).on('error', () => {}).connect();
const ioRedis = async () => new Redis(port, '127.0.0.1');

run({
    async 'the classic adapter over node-redis'() {
        const pair = async () => createAdapter(await nodeRedis(), await nodeRedis());
        await converse([await pair(), await pair()]);
    },
    async 'the classic adapter over ioredis'() {
        const pair = async () => createAdapter(await ioRedis(), await ioRedis());
        await converse([await pair(), await pair()]);
    },
    async 'the sharded adapter'() {
        const pair = async () => createShardedAdapter(await nodeRedis(), await nodeRedis());
        await converse([await pair(), await pair()]);
    },
    async 'the streams-adapter'() {
        await converse([createStreamsAdapter(await nodeRedis()), createStreamsAdapter(await nodeRedis())]);
    },
});
