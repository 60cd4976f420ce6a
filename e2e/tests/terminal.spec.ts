import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import type { Server } from '../fixtures/server.ts';
import {
  type Api,
  expect,
  seesInTerminal,
  terminalText,
  test,
  typeLine,
} from '../fixtures/test.ts';

async function openShell(page: Page, api: Api, server: Server): Promise<void> {
  const session = await api.startAgent('', {
    path: server.root,
    place: { kind: 'directory' },
    run: { kind: 'shell' },
    prompt: undefined,
  });
  await page.goto(`${server.url}/sessions/${session.id}`);
  await typeLine(page, 'echo ready-$((1+1))');
  await seesInTerminal(page, 'ready-2');
}

/** Turns pages back, from the newest line. */
async function scrollUp(page: Page, lines: number): Promise<void> {
  await page.locator('.xterm-helper-textarea').focus();
  // A page is a row less than the screen; half of one is always enough.
  for (let turned = 0; turned < lines; turned += 20) await page.keyboard.press('Shift+PageUp');
}

/** The screen, once two looks at it are the same. */
async function settledScreen(page: Page): Promise<string> {
  let before = '';
  await expect(async () => {
    const now = await terminalText(page);
    const same = now === before && now.trim() !== '';
    before = now;
    expect(same).toBe(true);
  }).toPass();
  return before;
}

test('a full-screen program looks the same after a reload', async ({
  signedIn: page,
  api,
  server,
}) => {
  await openShell(page, api, server);
  const text = Array.from({ length: 300 }, (_, at) => `row ${at} 漢字 🦀 e\u0301 ⎿ end`).join('\n');
  writeFileSync(join(server.root, 'text'), text);
  await typeLine(page, 'LESS= less -N text');
  await seesInTerminal(page, 'row 40');
  await page.keyboard.press('Space');
  await seesInTerminal(page, 'row 80');
  const before = await settledScreen(page);
  await page.reload();
  await seesInTerminal(page, 'row 80');
  expect(await settledScreen(page)).toBe(before);
  await page.locator('.xterm-helper-textarea').focus();
  await page.keyboard.press('q');
  await seesInTerminal(page, 'ready-2');
});

test('wide text stands where the server has it, also after a reload', async ({
  signedIn: page,
  api,
  server,
}) => {
  await openShell(page, api, server);
  await typeLine(page, String.raw`printf '\n漢字🦀🫨|e\314\201|👍🏽|\n'`);
  await seesInTerminal(page, '漢字🦀🫨|');
  const before = await settledScreen(page);
  await page.reload();
  await seesInTerminal(page, '漢字🦀🫨|');
  expect(await settledScreen(page)).toBe(before);
});

test('the program learns the size of the window', async ({ signedIn: page, api, server }) => {
  await openShell(page, api, server);
  await page.setViewportSize({ width: 1000, height: 700 });
  await expect(async () => {
    await typeLine(page, 'clear; stty size');
    const size = await page.locator('footer').innerText();
    const [cols, rows] = /(\d+)×(\d+)/.exec(size)?.slice(1) ?? [];
    expect(Number(cols)).toBeLessThan(120);
    await expect(page.locator('.xterm-rows')).toContainText(`${rows} ${cols}`, { timeout: 1_000 });
  }).toPass();
});

test('a flood of output is survived, and older lines are there when asked for', async ({
  signedIn: page,
  api,
  server,
}) => {
  await openShell(page, api, server);
  await typeLine(page, 'seq -f "flood %06.0f" 1 200000; echo flood-$((1+1))-over');
  await seesInTerminal(page, 'flood-2-over');
  await page.reload();
  await seesInTerminal(page, 'flood-2-over');
  const older = page.getByRole('button', { name: 'Load older lines' });
  // The screen may be drawn anew once more when its size is settled, which brings it to its end.
  await expect(async () => {
    await scrollUp(page, 1_200);
    await expect(older).toBeVisible({ timeout: 1_000 });
  }).toPass();
  await older.click();
  await seesInTerminal(page, 'flood-2-over');
  await scrollUp(page, 5_000);
  await seesInTerminal(page, 'flood 1950');
  await page.getByRole('button', { name: 'Newest' }).click();
  await seesInTerminal(page, 'flood-2-over');
});

test('text is found in the scrollback', async ({ signedIn: page, api, server }) => {
  await openShell(page, api, server);
  await typeLine(page, 'seq -f "needle %g" 1 200');
  await seesInTerminal(page, 'needle 200');
  await page.keyboard.press('Control+Shift+F');
  await page.getByLabel('Search the terminal').fill('needle 17');
  await expect(page.getByRole('search').getByRole('status')).toHaveText('11/11');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('search').getByRole('status')).toHaveText('10/11');
  await page.keyboard.press('Escape');
  await typeLine(page, 'echo typed-$((3+4))');
  await seesInTerminal(page, 'typed-7');
});

test('sessions are reached by keys, also from inside a terminal', async ({
  signedIn: page,
  api,
  server,
}) => {
  const first = await api.startAgent('first');
  const second = await api.startAgent('second');
  await page.goto(`${server.url}/sessions/${first.id}`);
  await seesInTerminal(page, 'prompt: first');
  await page.keyboard.press('Alt+KeyJ');
  await expect(page).toHaveURL(new RegExp(second.id));
  await seesInTerminal(page, 'prompt: second');
  await page.keyboard.press('Alt+KeyK');
  await expect(page).toHaveURL(new RegExp(first.id));
  await page.keyboard.press('F6');
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog', { name: 'Keyboard' })).toBeVisible();
  await page.keyboard.press('Escape');
  await page.keyboard.press('c');
  await expect(page.getByLabel('Prompt')).toBeFocused();
});
