// Uploads that know how much of them the server has confirmed, and go on from there.
import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { testward } from './server.mjs';

/** Talks to the server with a key; an answer outside 2xx is an error, and so is none. */
export class Api {
  constructor(url, key) {
    Object.assign(this, { url, key });
  }

  async call(method, address, { body, json, key = this.key } = {}) {
    const headers = key ? { authorization: `Bearer ${key}` } : {};
    if (json) headers['content-type'] = 'application/json';
    const address_ = address.startsWith('http') ? address : this.url + address;
    const response = await fetch(address_, { method, headers, body: json ? JSON.stringify(json) : body });
    const text = await response.text();
    if (!response.ok) throw Object.assign(new Error(`${method} ${address}: ${response.status} ${text}`), { response });
    return text ? JSON.parse(text) : undefined;
  }

  receipt(upload) {
    return this.call('GET', `/api/v1/projects/1/uploads/${upload}`);
  }
}

/** A JUnit report of `n` cases, every seventh of them failed. */
function junit(name, n) {
  const end = (i) => (i % 7 ? '/>' : `><failure message="case ${i} failed">at ${name}:${i}</failure></testcase>`);
  const cases = Array.from({ length: n }, (_, i) => `<testcase classname="${name}" name="case ${i}" time="0.01"${end(i)}`);
  return `<testsuite name="${name}">${cases.join('\n')}</testsuite>`;
}

function testops(name, n) {
  const result = (_, i) => ({ uuid: `${name}-${i}`, name: `case ${i}`, suiteName: name, status: i % 7 ? 'PASSED' : 'FAILED' });
  return JSON.stringify({ results: Array.from({ length: n }, result) });
}

/** Files that belong to no report: kept as they are. */
const beside = (name) => [
  { path: 'shots/end.png', bytes: `\x89PNG ${name}` },
  { path: 'server.log', bytes: `${name}\n`.repeat(2000) },
];

/** One upload; `isConfirmed` when every part of it was answered with 2xx. */
class Upload {
  constructor(name, total, files) {
    Object.assign(this, { name, total, files, isConfirmed: false, id: undefined });
  }
}

/** Our own form, as a program sends it. */
export class FormUpload extends Upload {
  constructor(name, total, session) {
    super(name, total, [{ path: 'junit.xml', bytes: junit(name, total) }, ...beside(name)]);
    this.session = session;
  }

  async send(api) {
    const form = new FormData();
    form.set('batch', this.name);
    if (this.session) form.set('session', this.session);
    for (const { path, bytes } of this.files) form.append('file', new Blob([bytes]), path);
    this.answer = await api.call('POST', '/api/v1/projects/1/uploads', { body: form });
    this.id = this.answer.id;
    this.isConfirmed = true;
  }

  again() {
    return Object.assign(new FormUpload(this.name, this.total, this.session), { files: this.files });
  }
}

/** Our command line, which tries again by itself while the server is away. */
export class CommandUpload extends Upload {
  constructor(name, total, folder) {
    super(name, total, [{ path: 'junit.xml', bytes: junit(name, total) }, ...beside(name)]);
    this.folder = folder;
  }

  async send(api) {
    for (const { path: file, bytes } of this.files) {
      const whole = path.join(this.folder, this.name, file);
      await mkdir(path.dirname(whole), { recursive: true });
      await writeFile(whole, bytes);
    }
    const args = ['upload', '--project', '1', '--batch', this.name, '--json', path.join(this.folder, this.name)];
    const env = { PATH: process.env.PATH, HOME: this.folder, TESTWARD_URL: api.url, TESTWARD_API_KEY: api.key };
    const child = spawn(testward, args, { env });
    const output = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr']) child[stream].on('data', (data) => (output[stream] += data));
    const code = await new Promise((resolve) => child.on('close', resolve));
    if (code === 3) throw new TypeError(`no answer: ${output.stderr}`);
    if (code !== 0) throw new Error(`exit code ${code}: ${output.stderr}`);
    this.answer = JSON.parse(output.stdout);
    this.id = this.answer.id;
    this.isConfirmed = true;
  }

  again() {
    return Object.assign(new CommandUpload(this.name, this.total, this.folder), { files: this.files });
  }
}

/** The two steps of the official clients: addresses, bytes, and the names of the files before or after the bytes. */
export class OfficialUpload extends Upload {
  constructor(name, total, { isJunit, isEarly }) {
    const report = isJunit ? { path: 'r/junit.xml', bytes: junit(name, total) } : { path: 'r/results.json', bytes: testops(name, total) };
    super(name, total, [report, ...beside(name)]);
    Object.assign(this, { isJunit, isEarly, put: new Set(), announced: new Set() });
  }

  async send(api) {
    this.slots ??= await api.call('GET', `/api/v1/files/upload-urls?projectId=1&numberUrl=${this.files.length}`);
    const steps = [() => Promise.all(this.files.map((_, i) => this.putFile(api, i))), () => this.announce(api)];
    if (this.isEarly) await Promise.all(steps.reverse().map((step) => step()));
    else for (const step of steps) await step();
    this.isConfirmed = true;
  }

  async putFile(api, i) {
    if (this.put.has(i)) return;
    await api.call('PUT', this.slots[i].uploadUrl, { body: this.files[i].bytes, key: null });
    this.put.add(i);
  }

  /** JUnit files are announced one by one, the last as such; the others all at once. */
  announce(api) {
    return this.isJunit ? this.announceEach(api) : this.announceAll(api);
  }

  entry(i) {
    const at = this.files[i].path.lastIndexOf('/');
    const { path: whole } = this.files[i];
    const isEnd = i === this.files.length - 1;
    return { folderPath: whole.slice(0, Math.max(at, 0)), fileName: whole.slice(at + 1), uploadedPath: this.slots[i].path, isEnd };
  }

  async announceEach(api) {
    for (let i = 0; i < this.files.length; i++) {
      if (this.announced.has(i)) continue;
      const query = new URLSearchParams({ projectId: 1, batch: this.name, ...this.entry(i) });
      [{ id: this.id }] = await api.call('POST', `/api/v1/junit/test-reports?${query}`, { json: {} });
      this.announced.add(i);
    }
  }

  async announceAll(api) {
    if (this.announced.size) return;
    const files = this.files.map((_, i) => { const { isEnd, ...entry } = this.entry(i); return { ...entry, end: isEnd }; });
    const query = new URLSearchParams({ projectId: 1, batch: this.name });
    ({ id: this.id } = await api.call('POST', `/api/v1/testops-reports?${query}`, { json: files }));
    this.files.forEach((_, i) => this.announced.add(i));
  }

  again() {
    const { name, total, isJunit, isEarly, slots, files } = this;
    return Object.assign(new OfficialUpload(name, total, { isJunit, isEarly }), { slots, files });
  }
}
