// The official clients, unmodified, from their registries: what they send is what the server shows.
import assert from 'node:assert/strict';
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { eventually, get, run, startServer } from './server.mjs';

const here = import.meta.dirname;
const bin = (name) => path.join(here, 'node_modules', '.bin', name);
const python = path.join(here, '.venv', 'bin', 'python');
let server, key, runs = 0;

before(async () => {
  server = await startServer();
  key = await server.key();
});

after(() => server?.stop());

/** Copies a fixture to a folder of its own, with the client's settings. */
async function prepare(name) {
  const folder = path.join(server.folder, name);
  await cp(path.join(here, 'fixtures', name), folder, { recursive: true });
  await symlink(path.join(here, 'node_modules'), path.join(folder, 'node_modules'));
  const config = { basePath: server.url, apiKey: key, projectId: 1, reportFolder: 'testops-report' };
  await writeFile(path.join(folder, 'testops-config.json'), JSON.stringify(config));
  await mkdir(path.join(folder, 'testops-report'), { recursive: true });
  return folder;
}

/** Runs a client whose tests fail on purpose; whatever its exit code, it has sent its report. */
async function send(name, program, args) {
  const cwd = await prepare(name);
  const env = { PATH: process.env.PATH, HOME: cwd, CI: 'true' };
  return run(program, args, { cwd, env }).catch((failed) => failed);
}

/** Waits for the next run and returns it with how many results it has of each status. */
async function nextRun(client) {
  runs += 1;
  const found = await eventually(async () => {
    const { body } = await get(server, key, `/api/v1/projects/1/runs/${runs}`);
    return body.counts?.total > 0 && body.status !== 'RUNNING' ? body : undefined;
  }).catch(() => assert.fail(`no run: ${client.stdout} ${client.stderr}`));
  const { total, passed, failed, skipped } = found.counts;
  return { status: found.status, total, passed, failed, skipped };
}

test('@katalon/testops-jest', async () => {
  const client = await send('jest', bin('jest'), []);
  assert.deepEqual(await nextRun(client), { status: 'FAILED', total: 4, passed: 2, failed: 1, skipped: 1 });
});

test('@katalon/testops-mocha', async () => {
  const client = await send('mocha', bin('mocha'), ['--reporter', '@katalon/testops-mocha', '*.spec.js']);
  assert.deepEqual(await nextRun(client), { status: 'FAILED', total: 4, passed: 2, failed: 1, skipped: 1 });
});

test('testops-pytest', async () => {
  const client = await send('pytest', python, ['-m', 'pytest', '-p', 'testops_pytest.listener']);
  assert.deepEqual(await nextRun(client), { status: 'FAILED', total: 4, passed: 2, failed: 1, skipped: 1 });
});

test('testops-robot: live updates and the upload are one run', async () => {
  const client = await send('robot', python, ['-m', 'robot', '--listener', 'testops.Listener', 'shop.robot']);
  assert.deepEqual(await nextRun(client), { status: 'FAILED', total: 3, passed: 1, failed: 1, skipped: 1 });
});

test('the strict testops-api SDK accepts every answer', async () => {
  const folder = await prepare('sdk').catch(() => assert.fail('no fixture'));
  const done = await run(python, ['strict.py', server.url, key], { cwd: folder });
  assert.match(done.stdout, /all answers accepted/);
});

test('nothing came twice', async () => {
  const { body } = await get(server, key, '/api/v1/projects/1/runs');
  assert.deepEqual(body.items.map((it) => it.number), [4, 3, 2, 1]);
});
