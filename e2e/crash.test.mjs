// The server is killed at any moment, again and again. What it answered with 2xx is there afterwards, once; what it did
// not answer can be sent again; nobody ever sees half a run.
//
// TESTWARD_KILLS=500 makes it long, TESTWARD_SEED=… plays one order of events again, as far as the machine lets it.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { run, startServer } from './server.mjs';
import { Api, CommandUpload, FormUpload, OfficialUpload } from './uploads.mjs';

const kills = Number(process.env.TESTWARD_KILLS ?? 20);
const seed = Number(process.env.TESTWARD_SEED ?? Date.now() % 1_000_000);
const WORKERS = 4;
/** A kill comes at most so long after the work began; an import of the largest report takes about as long. */
const LONGEST_MS = 800;
const LARGE = 6000;

let server, api;
const all = [];
const figures = { kills: 0, atStart: 0, confirmed: 0, interrupted: 0, results: 0, resumed: 0 };

before(async () => {
  server = await startServer();
  api = new Api(server.url, await server.key());
});

after(() => server?.stop());

/** Numbers from 0 to 1 that are the same for the same seed. */
let state = seed;
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The next upload of one worker. */
function next(worker) {
  const name = `w${worker}-${all.length}`;
  const total = random() < 0.25 ? LARGE : 1 + Math.floor(random() * 40);
  const makers = [
    () => new FormUpload(name, total),
    () => new OfficialUpload(name, total, { isJunit: random() < 0.5, isEarly: random() < 0.5 }),
    () => new FormUpload(name, total, `session of ${name}`),
    () => new CommandUpload(name, total, server.folder),
  ];
  const upload = makers[worker % makers.length]();
  all.push(upload);
  return upload;
}

/** Sends, and says whether everything was answered; only a lost connection may be the reason if not. */
async function sent(upload) {
  try {
    await upload.send(api);
    return true;
  } catch (error) {
    assert.ok(error instanceof TypeError, `${upload.name}: ${error.stack}`);
    return false;
  }
}

/** Uploads until told to stop; a command under way tries again by itself and outlives the server. */
async function work(worker, stopped) {
  while (!stopped.is) {
    const upload = next(worker);
    const sending = sent(upload);
    if (upload instanceof CommandUpload) {
      underWay.set(upload, sending.finally(() => underWay.delete(upload)));
      await Promise.race([sending, stopped.promise]);
    } else if (!(await sending)) {
      return;
    }
  }
}

/** Commands that still try. */
const underWay = new Map();

/** Kills the server at a random moment of its work. */
async function workAndKill() {
  const stopped = { is: false };
  stopped.promise = new Promise((resolve) => (stopped.resolve = resolve));
  const working = Promise.all(Array.from({ length: WORKERS }, (_, worker) => work(worker, stopped)));
  await pause(random() * LONGEST_MS);
  await server.end('SIGKILL');
  stopped.is = true;
  stopped.resolve();
  await working;
  figures.kills += 1;
}

/** Starts the server on what was left. Every fourth time it is killed while it starts, or takes up its work again. */
async function restart() {
  const { folder } = server;
  const port = new URL(server.url).port;
  if (random() < 0.25) {
    let child;
    const starting = startServer({ folder, port, onStart: (process) => (child = process) }).catch(() => {});
    await pause(random() * 150);
    const ended = new Promise((resolve) => child.on('exit', resolve));
    child.kill('SIGKILL');
    await Promise.all([ended, starting]);
    figures.kills += 1;
    figures.atStart += 1;
  }
  server = await startServer({ folder, port });
}

/** Waits until an upload was imported. What is seen of it meanwhile is nothing or everything. */
async function imported(upload) {
  for (let tries = 0; ; tries++) {
    const receipt = await api.receipt(upload.id);
    const { counts, status } = receipt.run;
    const isDone = !['receiving', 'importing'].includes(receipt.stage);
    assert.ok(isDone || counts.total === 0, `half a run is seen: ${JSON.stringify(receipt)}`);
    if (isDone) {
      assert.equal(receipt.stage, 'done', JSON.stringify(receipt));
      assert.equal(counts.total, upload.total, upload.name);
      assert.equal(counts.failed, Math.ceil(upload.total / 7), upload.name);
      assert.equal(status, 'FAILED');
      return receipt;
    }
    assert.ok(tries < 600, `${upload.name} is not imported within a minute`);
    await pause(100);
  }
}

/** Looks after what the kill left, once the server is back. */
async function settle(upload) {
  figures[upload.isConfirmed ? 'confirmed' : 'interrupted'] += 1;
  // Known, and its import not yet at the end: the server takes it up again.
  if (upload.id && !upload.answer && (await api.receipt(upload.id)).stage === 'importing') figures.resumed += 1;
  if (!upload.isConfirmed) await upload.send(api);
  // Ours is answered when it is imported, so that it must be there at once; the official clients' is imported later.
  else if (upload.answer) assert.deepEqual(await api.receipt(upload.id), upload.answer);
  upload.receipt = await imported(upload);
  figures.results += upload.total;
}

async function settleAll() {
  for (const upload of all.filter((it) => !it.receipt && !underWay.has(it))) await settle(upload);
}

test(`${kills} kills lose nothing that was answered and double nothing`, { timeout: kills * 30_000 }, async (t) => {
  t.diagnostic(`TESTWARD_SEED=${seed}`);
  while (figures.kills < kills) {
    await workAndKill();
    await restart();
    await settleAll();
  }
  await Promise.all(underWay.values());
  await settleAll();
  t.diagnostic(JSON.stringify({ ...figures, uploads: all.length }));
  assert.ok(figures.confirmed > 0 && figures.interrupted > 0, 'the kills met nothing');
});

test('sending everything again changes nothing', async () => {
  for (const upload of all) {
    const again = upload.again();
    await again.send(api);
    assert.deepEqual(await api.receipt(again.id), upload.receipt, upload.name);
  }
});

test('every upload is one run, every case once, every byte there', async () => {
  assert.equal(await server.end('SIGTERM'), 0);
  const audit = path.join(import.meta.dirname, 'audit.py');
  const { stdout } = await run('python3', [audit, server.dataDir], { maxBuffer: 1 << 28 });
  const { files, attachments, ...found } = JSON.parse(stdout);
  const none = [['result', 0], ['suite', 0], ['detail', 0]];
  assert.deepEqual(found, { integrity: 'ok', runs: all.length, contradictory: [], unfinished: [], damaged: [], strays: none });
  const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
  const sent = all.flatMap((upload) => upload.files.map(({ path, bytes }) => [`${upload.name} ${path}`, sha256(bytes)]));
  assert.deepEqual(files, Object.fromEntries(sent));
  assert.equal(attachments, sent.length);
});
