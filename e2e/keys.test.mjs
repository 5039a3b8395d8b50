// The main job as a person does it: from the set-up link to a key, an upload with it, and its end.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { openBrowser } from './browser.mjs';
import { eventually, password, run, startServer, testward } from './server.mjs';

let server, browser, page, errors, key;

before(async () => {
  server = await startServer({ person: false });
  ({ browser, page, errors } = await openBrowser());
});

after(async () => {
  await browser?.close();
  assert.equal(await server?.stop(), 0);
});

async function upload(name) {
  const report = path.join(server.folder, name);
  await writeFile(report, `<testsuite name="checkout"><testcase classname="Cart" name="adds" time="0.1"/>
    <testcase classname="Cart" name="pays" time="0.2"><failure message="card was declined">at Cart.pays</failure></testcase></testsuite>`);
  const args = ['upload', '--url', server.url, '--project', '1', '--run-name', name, report];
  const env = { PATH: process.env.PATH, HOME: server.folder, TESTWARD_API_KEY: key };
  return run(testward, args, { env }).then((done) => ({ code: 0, ...done }), (failed) => failed);
}

test('the set-up link makes the first person and leads to API Keys', async () => {
  const link = server.output.join('\n').match(/http:\S+token=\S+/)[0];
  await page.goto(link);
  await page.getByLabel('Your name').fill('Anna Ant');
  await page.getByLabel('E-mail').fill('anna@example.com');
  await page.getByLabel('Password').fill(password);
  await page.getByLabel('Organization').fill('Acme');
  await page.getByRole('button', { name: 'Set up Testward' }).click();
  await page.waitForURL('**/user/apikey');
  await page.goto(link);
  assert.match(page.url(), /signin/, 'the link works once');
});

test('avatar, User Settings, Personal Integration first, then API Keys', async () => {
  await page.goto(server.url);
  await page.locator('summary', { has: page.locator('.avatar') }).click();
  await page.getByRole('link', { name: 'User Settings' }).click();
  await page.waitForURL('**/user/settings');
  const current = page.locator('nav[aria-label="User Settings"] [aria-current=page]');
  assert.equal(await current.textContent(), 'Personal Integration');
  await page.getByRole('link', { name: 'API Keys', exact: true }).first().click();
  await page.waitForURL('**/user/apikey');
});

test('a key is created in the dialog and copied', async () => {
  await page.goto(`${server.url}/user/apikey`);
  await page.getByRole('link', { name: 'Create API Key' }).first().click();
  const dialog = page.locator('dialog[open]');
  await dialog.getByLabel('Key name').fill('Nightly');
  assert.equal(await dialog.getByLabel('Expiration').inputValue(), '90d');
  await dialog.getByRole('button', { name: 'Create' }).click();
  await page.locator('[data-copy="#new-key"]').click();
  key = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(key, /^twp_[0-9A-Za-z]{8}_[0-9A-Za-z]{38}$/);
});

test('the copy icon of the list gives the whole key again', async () => {
  await page.goto(`${server.url}/user/apikey`);
  await page.evaluate(() => navigator.clipboard.writeText(''));
  await page.getByRole('button', { name: 'Copy API key Nightly' }).click();
  await page.locator('#say', { hasText: 'copied' }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), key);
});

test('an upload with the key can be seen', async () => {
  const done = await upload('first.xml');
  assert.equal(done.code, 0, done.stderr);
  assert.match(done.stdout, /2 tests: 1 passed, 1 failed/);
  const address = done.stdout.match(/http:\S+/)[0];
  await page.goto(address);
  await page.getByText('card was declined').first().waitFor();
  await page.goto(`${server.url}/projects`);
  await page.getByText('first.xml').first().waitFor();
});

test('the command line generator puts the key in while copying, and only then', async () => {
  const asked = [];
  page.on('request', (request) => asked.push(request.url() + (request.postData() ?? '')));
  await page.goto(`${server.url}/user/apikey`);
  await page.getByRole('link', { name: 'Command lines' }).click();
  await page.getByRole('navigation', { name: 'Clients' }).getByRole('link', { name: 'Testward CLI' }).click();
  await page.getByLabel('Branch').fill('main');
  await page.getByLabel('Branch').blur();
  await page.locator('#line', { hasText: '--branch main' }).waitFor();
  await page.getByLabel('Your API key').fill(key);
  await page.getByRole('button', { name: 'Copy the command' }).click();
  await page.locator('#say', { hasText: 'Copied with your key' }).waitFor();
  const line = await page.evaluate(() => navigator.clipboard.readText());
  assert.ok(line.startsWith(`TESTWARD_API_KEY=${key} testward upload --url ${server.url} --project 1`), line);
  assert.ok(!(await page.content()).includes(key), 'the page never shows it');
  assert.ok(!asked.some((it) => it.includes(key)), 'nothing ever sends it');
});

test('a link fills the form in, and its commands need no JavaScript', async () => {
  const plain = await browser.newContext({ javaScriptEnabled: false, storageState: await page.context().storageState() });
  const quiet = await plain.newPage();
  await quiet.goto(`${server.url}/user/apikey/new?name=GitLab&scopes=results:write,projects:read&expires=30d&projects=1`);
  assert.equal(await quiet.getByLabel('Key name').inputValue(), 'GitLab');
  assert.equal(await quiet.getByLabel('Expiration').inputValue(), '30d');
  await quiet.getByRole('button', { name: 'Create' }).click();
  const made = await quiet.locator('#new-key').textContent();
  await quiet.getByText('GitLab CI', { exact: true }).click();
  const command = quiet.locator('#command-gitlab');
  assert.ok(await command.isVisible());
  assert.match(await command.textContent(), new RegExp(`masked: TESTWARD_API_KEY = ${made.trim()}[^]*/api/v1/projects/1/uploads`));
  await plain.close();
});

test('a screen reader never hears the key, and Escape closes the dialog', async () => {
  await page.goto(`${server.url}/user/apikey`);
  const opener = page.getByRole('link', { name: 'Create API Key' }).first();
  await opener.focus();
  await page.keyboard.press('Enter');
  const dialog = page.locator('dialog[open]');
  await dialog.getByLabel('Key name').fill('Spoken');
  assert.ok(await dialog.getByLabel('Key name').evaluate((it) => it === document.activeElement));
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  assert.ok(await opener.evaluate((it) => it === document.activeElement), 'focus is where it was');
  await page.keyboard.press('Enter');
  await dialog.getByLabel('Key name').fill('Spoken');
  await page.keyboard.press('Enter');
  await page.locator('#new-key').waitFor();
  const spoken = await page.locator('body').ariaSnapshot();
  assert.ok(!spoken.includes((await page.locator('#new-key').textContent()).trim()), spoken);
  assert.match(spoken, /API key, hidden from screen readers/);
});

test('the usage page shows calls, machine and program', async () => {
  await eventually(async () => {
    await page.goto(`${server.url}/user/apikey`);
    await page.getByRole('link', { name: 'Nightly', exact: true }).click();
    await page.waitForURL('**/usage');
    return page.getByRole('img', { name: /^Calls by hour/ }).isVisible();
  });
  await page.getByText('POST /api/v1/projects/{project}/uploads').waitFor();
  await page.getByText(/^testward\//).first().waitFor();
});

test('after the trash icon and Delete the next upload is refused', async () => {
  await page.goto(`${server.url}/user/apikey`);
  await page.getByRole('link', { name: 'Delete API key Nightly' }).click();
  const dialog = page.locator('dialog[open]');
  await dialog.getByText('Nightly').first().waitFor();
  await dialog.getByText('It is in use').waitFor();
  await dialog.getByRole('button', { name: 'Disable first' }).waitFor();
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await page.waitForURL('**/user/apikey');
  const refused = await upload('second.xml');
  assert.equal(refused.code, 4, refused.stderr);
  assert.match(refused.stderr, /key_revoked/);
  assert.ok(!refused.stderr.includes(key), 'an error never shows the key');
});

test('no page had a script or policy error', () => assert.deepEqual(errors, []));
