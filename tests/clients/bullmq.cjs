// BullMQ: two hundred jobs with priorities and delays through two workers, retries, a flow, a schedule; none lost and none done twice.
'use strict';

const { Queue, Worker, QueueEvents, FlowProducer } = require('bullmq');
const { assert, port, run, until } = require('./steps.cjs');

const JOBS = 200;
const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null };

const open = [];
const opened = (thing) => {
    thing.on('error', (error) => console.error(error.message));
    open.push(thing);
    return thing;
};

run({
    async 'two hundred jobs'() {
        const queue = opened(new Queue('jobs', { connection }));
        const events = opened(new QueueEvents('jobs', { connection }));
        await events.waitUntilReady();
        const told = new Set();
        events.on('completed', ({ jobId }) => told.add(jobId));
        const jobs = Array.from({ length: JOBS }, (_, i) => ({
            name: `job-${i}`,
            data: { i, text: 'x'.repeat(i) },
            opts: { jobId: `id-${i}`, ...(i % 4 === 1 && { priority: 1 + (i % 7) }), ...(i % 4 === 2 && { delay: 20 + i }), ...(i % 4 === 3 && { lifo: true }) },
        }));
        await queue.addBulk(jobs.slice(0, JOBS / 2));
        for (const { name, data, opts } of jobs.slice(JOBS / 2)) await queue.add(name, data, opts);
        // The same id again is the same job.
        await queue.add('again', {}, { jobId: 'id-0' });
        const done = new Map();
        const process = async (job) => {
            done.set(job.id, (done.get(job.id) ?? 0) + 1);
            await job.updateProgress(50);
            await job.log(`number ${job.data.i}`);
            return { twice: 2 * job.data.i };
        };
        for (let i = 0; i < 2; i += 1) opened(new Worker('jobs', process, { connection, concurrency: 10 }));
        await until('all jobs to be done', async () => (await queue.getCompletedCount()) === JOBS);
        await until('all to be told of', () => told.size === JOBS);
        assert.equal(done.size, JOBS);
        assert.ok([...done.values()].every((times) => times === 1), 'a job was done twice');
        const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'prioritized', 'failed', 'paused');
        assert.deepEqual(Object.values(counts), [0, 0, 0, 0, 0, 0]);
        const job = await queue.getJob('id-77');
        assert.deepEqual(job.returnvalue, { twice: 154 });
        assert.equal(job.progress, 50);
        assert.deepEqual((await queue.getJobLogs('id-77')).logs, ['number 77']);
        assert.equal(job.data.text.length, 77);
    },

    async 'priorities and delays keep their order'() {
        const queue = opened(new Queue('ordered', { connection }));
        for (const priority of [5, 3, 9, 1, 7]) await queue.add(`${priority}`, {}, { priority });
        await queue.add('none', {});
        const order = [];
        opened(new Worker('ordered', async (job) => order.push(job.name), { connection, concurrency: 1 }));
        await until('six jobs', () => order.length === 6);
        await queue.add('late', {}, { delay: 500 });
        await queue.add('soon', {}, { delay: 100 });
        await until('eight jobs', () => order.length === 8);
        assert.deepEqual(order, ['none', '1', '3', '5', '7', '9', 'soon', 'late']);
    },

    async 'what fails is tried again'() {
        const queue = opened(new Queue('failing', { connection }));
        const events = opened(new QueueEvents('failing', { connection }));
        await events.waitUntilReady();
        let attempts = 0;
        opened(new Worker('failing', async (job) => {
            attempts += 1;
            if (job.name === 'hopeless' || job.attemptsMade < 2) throw new Error('not yet');
            return 'at last';
        }, { connection }));
        const job = await queue.add('stubborn', {}, { attempts: 3, backoff: { type: 'fixed', delay: 20 } });
        assert.equal(await job.waitUntilFinished(events, 10_000), 'at last');
        const hopeless = await queue.add('hopeless', {}, { attempts: 2, backoff: { type: 'exponential', delay: 10 } });
        await assert.rejects(hopeless.waitUntilFinished(events, 10_000), /not yet/);
        assert.equal(attempts, 5);
        assert.equal(await queue.getFailedCount(), 1);
        assert.equal(await (await queue.getJob(hopeless.id)).getState(), 'failed');
    },

    async 'a flow waits for its children'() {
        const flow = opened(new FlowProducer({ connection }));
        const events = opened(new QueueEvents('parents', { connection }));
        await events.waitUntilReady();
        opened(new Worker('children', async (job) => job.data.n * 10, { connection, concurrency: 3 }));
        opened(new Worker('parents', async (job) => Object.values(await job.getChildrenValues()).sort((a, b) => a - b), { connection }));
        const { job } = await flow.add({
            name: 'sum',
            queueName: 'parents',
            children: [1, 2, 3].map((n) => ({ name: 'part', queueName: 'children', data: { n } })),
        });
        assert.deepEqual(await job.waitUntilFinished(events, 10_000), [10, 20, 30]);
    },

    async 'a schedule'() {
        const queue = opened(new Queue('scheduled', { connection }));
        let runs = 0;
        opened(new Worker('scheduled', async () => { runs += 1; }, { connection }));
        await queue.upsertJobScheduler('often', { every: 100 }, { name: 'tick' });
        await until('three runs', () => runs >= 3);
        assert.ok(await queue.removeJobScheduler('often'));
    },

    async 'pause, drain, clean'() {
        const queue = opened(new Queue('tidied', { connection }));
        await queue.pause();
        await queue.addBulk(Array.from({ length: 20 }, (_, i) => ({ name: 'n', data: { i } })));
        assert.equal(await queue.count(), 20);
        await queue.resume();
        await queue.drain();
        assert.equal(await queue.count(), 0);
        await queue.obliterate({ force: true });
    },

    async 'everything closes'() {
        for (const thing of open.reverse()) await thing.close();
    },
});
