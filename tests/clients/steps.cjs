// What the programs for Node have in common: steps that are told when they fail, and a deadline, since what hangs says nothing.
'use strict';

const assert = require('node:assert/strict');

const port = Number(process.env.TRENCADIS_PORT);
const url = `redis://127.0.0.1:${port}`;

// Words of steps that this server is not to be asked for.
const without = (process.env.TRENCADIS_WITHOUT ?? '').split(' ').filter(Boolean);

// Runs one step after the other; what the last one leaves open does not keep the program alive.
async function run(steps) {
    for (const [name, step] of Object.entries(steps)) {
        if (without.some((word) => name.includes(word))) continue;
        let timer;
        const late = new Promise((_, reject) => {
            timer = setTimeout(() => reject(new Error('not done within a minute')), 60_000);
        });
        try {
            await Promise.race([step(), late]);
        } catch (error) {
            console.error(`${name}: ${error.stack ?? error}`);
            process.exit(1);
        } finally {
            clearTimeout(timer);
        }
    }
    process.exit(0);
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Waits for something that another connection brings about.
async function until(what, holds) {
    for (let left = 2000; left > 0; left -= 1) {
        if (await holds()) return;
        await sleep(10);
    }
    throw new Error(`waited in vain for ${what}`);
}

module.exports = { assert, port, run, sleep, until, url };
