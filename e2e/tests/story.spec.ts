import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FAKE_AGENT } from '../fixtures/server.ts';
import { expect, seesInTerminal, test, typeLine } from '../fixtures/test.ts';

/** What a new user does, and what the server's death must not change. */
test('an agent in a fresh worktree outlives the server', async ({ page, server, api }) => {
  await page.goto(await server.start());
  await expect(page).toHaveURL(`${server.url}/`);
  await expect(page.getByRole('heading', { name: 'This machine' })).toBeVisible();

  await page.getByLabel('Repository').fill(server.repository);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Where to work' }).click();
  await page.getByLabel('Starts from').fill('ne');
  await page.getByRole('option', { name: 'next' }).click();
  await page.getByLabel('Name of the branch').fill('story/first');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: /^Runs/ }).click();
  await page.getByRole('menuitem', { name: 'Command…' }).click();
  await page.getByLabel('Command line').fill(`${FAKE_AGENT} {{prompt}}`);
  await page.getByLabel('Prompt').fill(`say "hello" & $HOME; it's fine`);
  await page.keyboard.press('Control+Enter');

  await expect(page).toHaveURL(/\/sessions\/[0-9a-f-]{36}$/);
  await seesInTerminal(page, `prompt: say "hello" & $HOME; it's fine`);
  await typeLine(page, 'are you there?');
  await seesInTerminal(page, 'heard: are you there?');
  const [session] = await api.sessions();
  expect(session).toMatchObject({ worktreeId: 'story/first' });
  expect(existsSync(join(session?.locationPath ?? '', 'README.md'))).toBe(true);
  const pid = session?.workers[0]?.process?.pid;
  await seesInTerminal(page, `pid ${pid}`);

  const signal = join(server.root, 'signal');
  await typeLine(page, `wait ${signal}`);
  await seesInTerminal(page, `waiting for ${signal}`);
  await server.kill();
  writeFileSync(`${signal}.go`, '');
  await expect(() => expect(existsSync(`${signal}.done`)).toBe(true)).toPass();
  await expect(page.getByText('The server is away.')).toBeVisible();
  await typeLine(page, 'typed while away');
  await expect(page.getByText(/waiting to be typed/)).toBeVisible();

  await server.start();
  await seesInTerminal(page, 'away line 2000');
  await seesInTerminal(page, 'heard: typed while away');
  await expect(page.getByText('The server is away.')).toBeHidden();
  const after = await api.session(session?.id ?? '');
  expect(after.workers[0]?.process).toMatchObject({ state: 'running', pid });

  const lines = (await api.log(after)).split('\r\n');
  const away = lines.filter((line) => line.startsWith('away line'));
  expect(away).toEqual(Array.from({ length: 2000 }, (_, at) => `away line ${at + 1}`));
  expect(lines.filter((line) => line === 'heard: typed while away')).toHaveLength(1);
  await page.screenshot({ path: 'test-results/pages/story.png' });
});

test('a browser that comes later sees the same screen', async ({
  signedIn: page,
  api,
  browser,
  server,
}) => {
  const session = await api.startAgent('two windows');
  await page.goto(`${server.url}/sessions/${session.id}`);
  await seesInTerminal(page, 'prompt: two windows');
  await typeLine(page, 'first');
  await seesInTerminal(page, 'heard: first');
  const context = await browser.newContext({ storageState: await page.context().storageState() });
  const second = await context.newPage();
  await second.setViewportSize({ width: 900, height: 600 });
  await second.goto(`${server.url}/sessions/${session.id}`);
  await seesInTerminal(second, 'heard: first');
  await typeLine(second, 'second');
  await seesInTerminal(page, 'heard: second');
  // The second window was used last, so the first one shows its size and may take it back.
  await page.getByRole('button', { name: 'Fit to me' }).click();
  await expect(second.getByRole('button', { name: 'Fit to me' })).toBeVisible();
  await context.close();
});

test('the server answers the questions of a program, once', async ({
  signedIn: page,
  api,
  server,
}) => {
  const session = await api.startAgent('questions');
  await page.goto(`${server.url}/sessions/${session.id}`);
  await seesInTerminal(page, 'prompt: questions');
  await typeLine(page, 'ask');
  await seesInTerminal(page, /answer: 033\[\?[0-9;]+c/);
  expect((await api.log(session)).match(/answer: .*/)?.[0]?.match(/033\[\?/g)).toHaveLength(1);
});

test('a loss of the connection shorter than three seconds goes by without a word', async ({
  signedIn: page,
  api,
  server,
}) => {
  const session = await api.startAgent('short loss');
  await page.goto(`${server.url}/sessions/${session.id}`);
  await seesInTerminal(page, 'prompt: short loss');
  await page.evaluate(() => {
    const seen = { away: false, blank: false };
    Object.assign(window, { seen });
    const look = () => {
      seen.away ||= document.body.innerText.includes('The server is away');
      seen.blank ||= !document.querySelector('.xterm-rows')?.textContent?.includes('short loss');
      requestAnimationFrame(look);
    };
    look();
  });
  await server.kill();
  await server.start();
  await typeLine(page, 'back');
  await seesInTerminal(page, 'heard: back');
  const seen = await page.evaluate(() => (window as unknown as { seen: object }).seen);
  expect(seen).toEqual({ away: false, blank: false });
});
