import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { expect, seesInTerminal, test, typeLine } from '../fixtures/test.ts';

async function choose(page: Page, item: string): Promise<void> {
  await page.getByRole('button', { name: 'More about this session' }).click();
  await page.getByRole('menuitem', { name: item }).click();
}

test('discarded work comes back from the trash, byte for byte', async ({
  signedIn: page,
  api,
  server,
}) => {
  const session = await api.startAgent('grow a hedge');
  writeFileSync(join(session.locationPath, 'hedge.txt'), 'box and yew\n');
  await page.goto(`${server.url}/sessions/${session.id}`);
  await seesInTerminal(page, 'prompt: grow a hedge');
  await choose(page, 'Delete…');
  await page.getByRole('radio', { name: /^Discard the worktree/ }).check();
  await expect(page.getByText('kept in the trash for 30 days')).toBeVisible();
  await page.getByRole('button', { name: 'Delete and discard' }).click();
  await expect(page).toHaveURL(`${server.url}/`);

  await page.goto(`${server.url}/settings/repositories`);
  const trash = page.getByRole('region', { name: 'Trash of garden' });
  await trash.getByRole('button', { name: /^Restore/ }).click();
  await expect(trash.getByText('Restored as a worktree in')).toBeVisible();
  const restored = (await trash.getByRole('status').locator('code').innerText()).replace(
    '~',
    server.root,
  );
  expect(readFileSync(join(restored, 'hedge.txt'), 'utf8')).toBe('box and yew\n');

  await trash.getByRole('button', { name: /for good$/ }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete for good' }).click();
  await expect(trash.getByText('It is empty.')).toBeVisible();
  expect(readFileSync(join(restored, 'hedge.txt'), 'utf8')).toBe('box and yew\n');
});

test('a repository is cloned by its address, and what failed says why', async ({
  page,
  server,
  api: _,
}) => {
  // The far end of ssh is this machine.
  const bin = join(server.root, 'bin');
  mkdirSync(bin);
  const ssh = join(bin, 'ssh');
  writeFileSync(ssh, '#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n');
  chmodSync(ssh, 0o755);
  await page.goto(await server.start({ PATH: `${bin}:${process.env.PATH}` }));

  await page
    .getByRole('combobox', { name: 'Repository' })
    .fill(`ssh://garden.example${server.root}/nowhere`);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Clone from an address' }).click();
  const dialog = page.getByRole('dialog', { name: 'Clone a repository' });
  await dialog.getByRole('button', { name: 'Clone', exact: true }).click();
  // The form behind the dialog is not sent.
  await expect(page.getByText('Clone this address first')).toHaveCount(0);
  await expect(dialog.getByText('Failed', { exact: true })).toBeVisible();
  await expect(dialog.getByRole('alert')).not.toBeEmpty();
  await expect(dialog.getByRole('log')).toContainText('cloning ssh://garden.example');

  await dialog.getByRole('button', { name: 'Change the address' }).click();
  await dialog.getByLabel('Address').fill(`ssh://garden.example${server.repository}`);
  await dialog.getByLabel('Directory to make').fill('~/meadow');
  await dialog.getByRole('button', { name: 'Clone', exact: true }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByRole('combobox', { name: 'Repository' })).toHaveValue('~/meadow');
  expect(readFileSync(join(server.root, 'meadow/README.md'), 'utf8')).toBe('# garden\n');

  await page.goto(`${server.url}/settings/jobs`);
  const failed = page.getByRole('listitem').filter({ hasText: '/nowhere' });
  await failed.getByRole('button', { name: /^Remove from the list/ }).click();
  await expect(failed).toHaveCount(0);
  await expect(page.getByRole('listitem').filter({ hasText: 'Clone ssh://' })).toContainText(
    'Done',
  );
});

test('a message with files reaches the agent, and its output is exported', async ({
  signedIn: page,
  api,
  server,
}) => {
  const session = await api.startAgent('read the plan');
  await page.goto(`${server.url}/sessions/${session.id}`);
  await seesInTerminal(page, 'prompt: read the plan');
  await page.getByRole('button', { name: 'Message with files' }).click();
  const dialog = page.getByRole('dialog', { name: /^Message to/ });
  await dialog.getByLabel('Text').fill('here it is');
  const plan = { name: 'plan.md', mimeType: 'text/markdown', buffer: Buffer.from('# dig\n') };
  await dialog.locator('input[type=file]').setInputFiles([plan]);
  await expect(dialog.getByRole('list', { name: 'Files' })).toContainText('plan.md');
  await dialog.getByRole('button', { name: 'Send' }).click();
  await expect(dialog).toBeHidden();
  await seesInTerminal(page, /heard: .*here it is/);
  await expect(async () => expect(await api.log(session)).toMatch(/heard: .*plan\.md/)).toPass();

  await choose(page, 'Export…');
  const saved = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download' }).click();
  expect(readFileSync(await (await saved).path(), 'utf8')).toContain('prompt: read the plan');
});

test('an idle session is warned, stays when it is told to, and rests with a reason', async ({
  signedIn: page,
  api,
  server,
}) => {
  const session = await api.startAgent('doze');
  const address = `${server.url}/sessions/${session.id}`;
  const setRule = async (kind: string, after: string) => {
    await page.goto(address);
    await seesInTerminal(page, 'prompt: doze');
    await choose(page, 'When idle…');
    await page.getByRole('radio', { name: kind }).check();
    await page.getByLabel('After').fill(after);
    await page.getByRole('button', { name: 'Save the rule' }).click();
    await expect(page.getByRole('dialog')).toBeHidden();
    // Whoever looks at it keeps it awake.
    await page.goto(server.url);
  };
  await setRule('Pause', '16 s');
  await page.getByRole('button', { name: 'Keep awake' }).click({ timeout: 30_000 });
  await expect(page.getByText('It stays awake')).toBeVisible();
  await expect(page.getByText(/^Pauses in/)).toBeHidden();

  await setRule('Pause', '2 s');
  const card = page.getByRole('article').filter({ hasText: 'doze' });
  await expect(card.getByText(/paused after 2 seconds/i)).toBeVisible();
  await page.getByRole('link', { name: 'doze' }).click();
  await expect(page.getByText(/paused after 2 seconds/i)).toBeVisible();
  await typeLine(page, 'awake?');
  await seesInTerminal(page, 'heard: awake?');
});

test('what is done in new worktrees is kept with the repository', async ({
  signedIn: page,
  api,
  server,
}) => {
  await api.startAgent('plant a tree');
  await page.goto(`${server.url}/settings/repositories`);
  await page.getByLabel('Setup command').fill('touch watered');
  await page.getByLabel('Environment variables').fill('TOOL=spade');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('Saved')).toBeVisible();
  await page.reload();
  await expect(page.getByLabel('Setup command')).toHaveValue('touch watered');
  await expect(page.getByLabel('Environment variables')).toHaveValue('TOOL=spade');
});
