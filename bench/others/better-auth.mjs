// better-auth with its API-key plug-in behind node's own HTTP server: better-auth.mjs documented|tuned PORT FILE
// Writes a live key to FILE and serves GET /ping to whoever sends it as x-api-key.
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import Database from 'better-sqlite3';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db';
import { apiKey } from 'better-auth/plugins';

const [mode, port, file] = process.argv.slice(2);
const kept = new Map();
const options = {
  database: new Database(':memory:'),
  secret: 'only-for-this-benchmark-0123456789abcdef',
  baseURL: `http://127.0.0.1:${port}`,
  emailAndPassword: { enabled: true },
  telemetry: { enabled: false },
  logger: { disabled: true },
  plugins: [
    mode === 'documented'
      // As the documentation has it, but for the limit of ten requests a day.
      ? apiKey({ rateLimit: { enabled: true, timeWindow: 86_400_000, maxRequests: 1e9 } })
      // The fastest it offers: keys in memory, no counting, writes after the answer.
      : apiKey({ rateLimit: { enabled: false }, storage: 'secondary-storage', deferUpdates: true }),
  ],
};
if (mode === 'tuned') {
  options.secondaryStorage = { get: (key) => kept.get(key) ?? null, set: (key, value) => void kept.set(key, value), delete: (key) => void kept.delete(key) };
  options.advanced = { backgroundTasks: { handler: (promise) => void promise.catch(() => {}) } };
}
const auth = betterAuth(options);
await (await getMigrations(options)).runMigrations();
const { user } = await auth.api.signUpEmail({ body: { email: 'bench@example.com', password: 'correct-horse-battery', name: 'Bench' } });
const { key } = await auth.api.createApiKey({ body: { userId: user.id, name: 'bench' } });

createServer(async (request, response) => {
  const { valid } = await auth.api.verifyApiKey({ body: { key: request.headers['x-api-key'] ?? '' } });
  response.writeHead(valid ? 200 : 401, { 'content-type': 'text/plain' });
  response.end(valid ? 'ok\n' : 'no\n');
}).listen(port, '127.0.0.1', () => writeFileSync(file, key));
