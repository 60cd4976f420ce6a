import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FAKE_AGENT } from '../fixtures/server.ts';
import { type Api, checkPage, expect, seesInTerminal, test, typeLine } from '../fixtures/test.ts';

/** The workers of the only session that have a terminal. */
async function tabNames(api: Api): Promise<string[]> {
  const [session] = await api.sessions();
  return (session?.workers ?? []).filter((one) => one.process).map((one) => one.name);
}

test('mistakes in the composer are told where they are, and lose nothing', async ({
  signedIn: page,
  server,
}) => {
  await page.getByLabel('Prompt').fill('my long prompt');
  await page.keyboard.press('Control+Enter');
  await expect(page.getByText('Choose a repository or a directory.')).toBeVisible();
  await page.getByLabel('Repository').fill(`${server.root}/nowhere`);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  await expect(page.getByLabel('Repository')).toHaveAttribute('aria-invalid', 'true');
  await page.getByLabel('Repository').fill(server.repository);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Where to work' }).click();
  await page.getByLabel('Name of the branch').fill('a..b');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  await expect(page.getByRole('alert')).toContainText('a..b');
  await page.getByRole('button', { name: 'Where to work' }).click();
  await page.getByLabel('Name of the branch').fill('');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: /^Runs/ }).click();
  await page.getByRole('menuitem', { name: 'Command…' }).click();
  await page.getByLabel('Command line').fill('/no/such/agent {{prompt}}');
  await page.keyboard.press('Control+Enter');
  await expect(page.getByRole('alert')).toContainText('/no/such/agent');
  await expect(page.getByLabel('Prompt')).toHaveValue('my long prompt');
});

test('paths are completed step by step', async ({ signedIn: page, server }) => {
  const path = page.getByLabel('Repository');
  await path.fill(`${server.root}/gar`);
  await page.getByRole('option', { name: /garden/ }).click();
  await expect(path).toHaveValue(/garden$/);
});

test('a shell opens in the directory itself, and another one beside it', async ({
  signedIn: page,
  server,
  api,
}) => {
  await page.getByLabel('Repository').fill(server.root);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Where to work' }).click();
  await page.getByText('Directory', { exact: true }).click();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: /^Runs/ }).click();
  await page.getByRole('menuitem', { name: 'Shell' }).click();
  await page.getByRole('button', { name: 'Open shell' }).click();
  await typeLine(page, 'echo in $(pwd)');
  await seesInTerminal(page, `in ${server.root}`);
  await page.getByRole('button', { name: 'Open a shell here' }).click();
  await expect(page).toHaveURL(/\/sessions\/[0-9a-f-]{36}\/[0-9a-f-]{36}$/);
  await typeLine(page, 'echo second-$((40+2))');
  await seesInTerminal(page, 'second-42');
  expect(await tabNames(api)).toEqual(['Terminal 1', 'Terminal 2']);
  await page.getByRole('button', { name: /^Close/ }).click();
  await page.getByRole('button', { name: 'End it and close' }).click();
  await seesInTerminal(page, `in ${server.root}`);
  await expect(async () => expect(await tabNames(api)).toEqual(['Terminal 1'])).toPass();
});

test('stop, restart and how a process ended are shown', async ({ signedIn: page, api, server }) => {
  const session = await api.startAgent('lifecycle');
  await page.goto(`${server.url}/sessions/${session.id}`);
  await seesInTerminal(page, 'prompt: lifecycle');
  await typeLine(page, 'exit 7');
  await expect(page.getByText('Ended with code 7')).toBeVisible();
  await expect(page).toHaveTitle('(1) Offshoot');
  await page.getByRole('button', { name: 'Start afresh' }).click();
  await expect(page.getByText('Ended with code 7')).toBeHidden();
  await typeLine(page, 'again');
  await seesInTerminal(page, 'heard: again');
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await expect(page.getByText('It was stopped.')).toBeVisible();
});

test('a paused session rests and goes on', async ({ signedIn: page, api, server }) => {
  const session = await api.startAgent('rest a while');
  await page.goto(`${server.url}/sessions/${session.id}`);
  await seesInTerminal(page, 'prompt: rest a while');
  await page.getByRole('button', { name: 'More about this session' }).click();
  await page.getByRole('menuitem', { name: 'Pause…' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Pause' }).click();
  await expect(page.getByRole('heading', { name: 'This session is paused' })).toBeVisible();
  await page.getByRole('button', { name: 'Resume' }).click();
  await typeLine(page, 'awake?');
  await seesInTerminal(page, 'heard: awake?');
  await page.getByRole('button', { name: 'More about this session' }).click();
  await page.getByRole('menuitem', { name: 'Rename…' }).click();
  await page.getByLabel('Title').fill('Well rested');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'Well rested' })).toBeVisible();
});

test('an agent that asks is answered from its card', async ({ signedIn: page, api, server }) => {
  const session = await api.startAgent('will ask');
  await page.goto(`${server.url}/sessions/${session.id}`);
  await typeLine(page, 'block Push to main?');
  await expect(page).toHaveTitle('(1) Offshoot');
  await page.getByRole('link', { name: 'Offshoot', exact: true }).click();
  const card = page.getByRole('region', { name: 'Needs you' }).getByRole('article');
  await expect(card.getByText('Push to main?', { exact: true })).toBeVisible();
  await checkPage(page, { name: 'asks' });
  await card.getByLabel('Answer in words').fill('only this once');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('article').getByText('heard: only this once')).toBeVisible();
});

test('the printed address signs in once, wherever it is pasted', async ({
  page,
  server,
  api: _,
  browser,
}) => {
  const address = await server.start();
  await page.goto(server.url);
  await expect(page.getByRole('heading', { name: 'Sign in to Offshoot' })).toBeVisible();
  await page.goto(address);
  await expect(page.getByRole('form', { name: 'Start an agent' })).toBeVisible();
  await expect(page).toHaveURL(`${server.url}/`);
  await page.goto(address);
  await page.reload();
  await expect(page.getByRole('form', { name: 'Start an agent' })).toBeVisible();
  await expect(page).toHaveURL(`${server.url}/`);
  const stranger = await (await browser.newContext()).newPage();
  await stranger.goto(address);
  await expect(stranger.getByRole('alert')).toContainText('not valid');
  await stranger.context().close();
});

test('signing out ends every page of this browser', async ({ signedIn: page, server }) => {
  await page.goto(`${server.url}/settings`);
  await page.getByRole('button', { name: 'Sign out of this browser' }).click();
  await expect(page.getByRole('heading', { name: 'Sign in to Offshoot' })).toBeVisible();
  await page.reload();
  await expect(page.getByRole('heading', { name: 'Sign in to Offshoot' })).toBeVisible();
});

test('deleting keeps a worktree with changes unless it is told to discard them', async ({
  signedIn: page,
  api,
  server,
}) => {
  const session = await api.startAgent('to be deleted');
  const file = join(session.locationPath, 'precious.txt');
  writeFileSync(file, 'work');
  await page.goto(`${server.url}/sessions/${session.id}`);
  await seesInTerminal(page, 'prompt: to be deleted');
  await page.getByRole('button', { name: 'More about this session' }).click();
  await page.getByRole('menuitem', { name: 'Delete…' }).click();
  await page.getByLabel('Remove the worktree').check();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await expect(page.getByRole('alert')).toContainText('1 untracked');
  expect(existsSync(file)).toBe(true);
  await page.getByLabel('Discard the worktree').check();
  await page.getByRole('button', { name: 'Delete and discard' }).click();
  await expect(page).toHaveURL(`${server.url}/`);
  await expect(() => expect(existsSync(session.locationPath)).toBe(false)).toPass();
  expect(await api.sessions()).toEqual([]);
});

test.describe('on a phone', () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });

  test('text is typed in a field and keys come from a bar', async ({ signedIn: page, server }) => {
    await page.getByLabel('Repository').fill(server.repository);
    await page.getByRole('button', { name: /^Runs/ }).tap();
    await page.getByRole('menuitem', { name: 'Command…' }).tap();
    await page.getByLabel('Command line').fill(`${FAKE_AGENT} {{prompt}}`);
    await page.getByLabel('Prompt').fill('from the train');
    await page.getByRole('button', { name: 'Start', exact: true }).tap();
    await seesInTerminal(page, 'prompt: from the train');
    await page.getByLabel('Text to type').fill('hello from a phone');
    await page.getByRole('button', { name: 'Send' }).tap();
    await seesInTerminal(page, 'heard: hello from a phone');
    await page.getByRole('button', { name: 'Control C' }).tap();
    await expect(page.getByText('Ended by SIGINT')).toBeVisible();
  });

  test('a finger scrolls the terminal', async ({ signedIn: page, server, api }) => {
    const session = await api.startAgent('', {
      path: server.root,
      place: { kind: 'directory' },
      run: { kind: 'shell' },
      prompt: undefined,
    });
    await page.goto(`${server.url}/sessions/${session.id}`);
    await page.getByLabel('Text to type').fill('seq -f "row %g" 1 300');
    await page.getByRole('button', { name: 'Send' }).tap();
    await seesInTerminal(page, 'row 300');
    const browser = await page.context().newCDPSession(page);
    const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', y: number) =>
      browser.send('Input.dispatchTouchEvent', {
        type,
        touchPoints: type === 'touchEnd' ? [] : [{ x: 150, y }],
      });
    await touch('touchStart', 150);
    for (let y = 160; y <= 650; y += 10) await touch('touchMove', y);
    await touch('touchEnd', 650);
    // One row is 17 pixels high, so the finger moved by about 29 of them.
    await expect(page.locator('.xterm-rows')).not.toContainText('row 300');
    await seesInTerminal(page, 'row 24');
    // Not a tap: right after a drag the browser takes one for the end of the gesture.
    await page.getByRole('button', { name: 'Newest' }).click();
    await seesInTerminal(page, 'row 300');
  });
});
