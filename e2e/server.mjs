// Starts a server of its own on a temporary folder, and makes keys at its console.
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const here = import.meta.dirname;
export const testward = process.env.TESTWARD_BIN ?? path.join(here, '..', 'target', 'debug', 'testward');
export const email = 'anna@example.com';
export const password = 'correct horse battery';
export const run = promisify(execFile);

/**
 * Starts a server; with `person`, somebody is there already. With `folder` and `port` it is an earlier one that starts
 * again; `onStart` gets its process as soon as there is one.
 */
export async function startServer({ person = true, folder, port = 0, onStart } = {}) {
  folder ??= await mkdtemp(path.join(tmpdir(), 'testward-e2e-'));
  const dataDir = path.join(folder, 'data');
  const env = { PATH: process.env.PATH };
  if (person) Object.assign(env, { TESTWARD_ADMIN_EMAIL: email, TESTWARD_ADMIN_PASSWORD: password });
  const child = spawn(testward, ['serve', '--listen', `127.0.0.1:${port}`, '--data-dir', dataDir], { env });
  onStart?.(child);
  const output = [];
  const url = await new Promise((resolve, reject) => {
    const read = (line) => {
      output.push(line);
      const found = line.match(/listening on (http:\S+)/);
      if (found) resolve(found[1]);
    };
    createInterface({ input: child.stderr }).on('line', read);
    createInterface({ input: child.stdout }).on('line', read);
    child.on('exit', (code) => reject(new Error(`the server ended with ${code}: ${output.join('\n')}`)));
  });
  const key = async (...more) => {
    const args = ['admin', 'key', 'create', '--data-dir', dataDir, '--user', email, '--name', 'e2e', ...more];
    return (await run(testward, args, { env: { PATH: env.PATH } })).stdout.trim();
  };
  const end = (signal) => {
    const ended = new Promise((resolve) => child.on('exit', resolve));
    child.kill(signal);
    return ended;
  };
  const stop = async () => {
    const code = await end('SIGTERM');
    await rm(folder, { recursive: true });
    return code;
  };
  return { url, folder, dataDir, output, key, end, stop };
}

/** Asks the server's own API with a key. */
export async function get(server, key, address) {
  const response = await fetch(server.url + address, { headers: { authorization: `Bearer ${key}` } });
  return { status: response.status, body: await response.json() };
}

/** Waits until `ask` answers something, for at most twenty seconds. */
export async function eventually(ask) {
  for (let tries = 0; tries < 100; tries++) {
    const answer = await ask();
    if (answer) return answer;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error('it did not happen within twenty seconds');
}
