import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { COMPOSER } from '../fixtures/server.ts';
import { type Api, checkPage, expect, seesInTerminal, test, typeLine } from '../fixtures/test.ts';

const SIZES = [
  { name: 'desk', viewport: { width: 1440, height: 900 }, hasTouch: false, isMobile: false },
  { name: 'phone', viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
];

/** Starts an agent with an input line; what it takes is written to a file. */
async function startComposer(api: Api, root: string) {
  const file = join(root, 'taken');
  const command = `${COMPOSER} --composer ${file}`;
  const session = await api.startAgent('talk', { prompt: null, run: { kind: 'command', command } });
  return { session, taken: () => readFileSync(file, 'utf8') };
}

/** An agent that takes no prompt and shows nothing. */
const DEAF = "/bin/sh -c 'stty -echo; echo deaf; exec sleep 1000'";

async function write(page: Page, text: string): Promise<void> {
  const editor = page.getByRole('textbox', { name: /^Prompt for/ });
  if (!(await editor.isVisible())) {
    await page.getByRole('button', { name: 'Queue a prompt' }).click();
  }
  await editor.fill(text);
  await page.keyboard.press('Enter');
}

test('prompts wait in a queue, are changed, removed and taken', async ({
  signedIn: page,
  api,
  server,
}) => {
  const { session, taken } = await startComposer(api, server.root);
  await page.goto(`${server.url}/sessions/${session.id}`);
  await seesInTerminal(page, '❯');
  // Half a line of a person: prompts wait behind it.
  await page.locator('.xterm-helper-textarea').focus();
  await page.keyboard.type('mine');
  await write(page, 'first');
  await write(page, 'secnd');
  await write(page, 'third');
  const queue = page.getByRole('region', { name: /^Prompts for/ });
  await expect(queue.getByRole('listitem')).toHaveCount(3);
  const second = queue.getByRole('listitem').filter({ hasText: 'secnd' });
  await second.getByRole('button', { name: 'Change the prompt' }).click();
  await page.getByRole('textbox', { name: 'Change the prompt' }).fill('second');
  await page.keyboard.press('Enter');
  await expect(queue.getByText('second', { exact: true })).toBeVisible();
  const third = queue.getByRole('listitem').filter({ hasText: 'third' });
  await third.getByRole('button', { name: 'Remove the prompt' }).click();
  await expect(third).toHaveCount(0);
  await typeLine(page, ' first of all');
  await expect(queue.getByRole('listitem')).toHaveCount(0);
  await expect(() => {
    expect(taken()).toMatch(/mine first of all.*first.*second/s);
    expect(taken()).not.toMatch(/third|secnd/);
  }).toPass();
});

test('a prompt that fails needs a person until it is seen to', async ({
  signedIn: page,
  api,
  server,
}) => {
  test.slow();
  const run = { kind: 'command', command: DEAF };
  const session = await api.startAgent('', { prompt: null, run });
  await page.goto(`${server.url}/sessions/${session.id}`);
  await seesInTerminal(page, 'deaf');
  await write(page, 'do you hear me?');
  const queue = page.getByRole('region', { name: /^Prompts for/ });
  await expect(queue.getByText(/^Not delivered/)).toBeVisible({ timeout: 30_000 });
  await expect(page).toHaveTitle('(1) Offshoot');
  await checkPage(page, { name: 'prompt-failed' });
  await page.goto(server.url);
  const card = page.getByRole('region', { name: 'Needs you' }).getByRole('article');
  await expect(card.getByText('Prompt not delivered')).toBeVisible();
  await checkPage(page, { name: 'prompt-failed-card' });
  await page.goto(`${server.url}/sessions/${session.id}`);
  await queue.getByRole('button', { name: 'Remove the prompt' }).click();
  await expect(queue.getByText(/^Not delivered/)).toHaveCount(0);
  await expect(page).toHaveTitle('Offshoot');
});

for (const { name: size, ...device } of SIZES) {
  for (const colorScheme of ['dark', 'light'] as const) {
    test.describe(`${size}, ${colorScheme}`, () => {
      test.use({ ...device, colorScheme });

      test('a question has buttons, an explanation, and one answer', async ({
        signedIn: page,
        api,
        server,
      }) => {
        const look = (name: string, isOverlay = false) =>
          checkPage(page, { name: `${name}-${size}-${colorScheme}`, isOverlay });
        const { session, taken } = await startComposer(api, server.root);
        const worker = session.workers[0]?.id ?? '';
        await api.prompt(worker, 'ask Shall I push?');
        await page.goto(server.url);
        const card = page.getByRole('region', { name: 'Needs you' }).getByRole('article');
        const buttons = card.getByRole('button', { name: /^Answer: / });
        await expect(buttons.first()).toBeVisible();
        await look('request');
        const other = await page.context().newPage();
        await other.goto(server.url);
        const theirs = other.getByRole('button', { name: /^Answer: / }).first();
        await expect(theirs).toBeVisible();
        const request = (await api.session(session.id)).workers[0]?.request?.id ?? '';
        await buttons.first().click();
        await expect(buttons).toHaveCount(0);
        await expect(theirs).toHaveCount(0);
        // Another device that still showed it is told.
        expect(await api.answer(worker, request, '1')).toMatch(/already-answered|request-changed/);
        await expect(() => expect(taken()).toContain('"answer"')).toPass();
        expect(taken().match(/"answer"/g)).toHaveLength(1);
        await other.close();

        await page.goto(`${server.url}/sessions/${session.id}`);
        await page.getByRole('button', { name: 'Why this state' }).click();
        const evidence = page.getByRole('list', { name: /^Evidence/ });
        await expect(evidence.getByText(/7501/).first()).toBeVisible();
        await look('explain', true);
        await page.keyboard.press('Escape');

        await api.reportUsage(worker);
        await page.goto(`${server.url}/settings/usage`);
        await expect(page.getByText('claude-opus-5-5')).toBeVisible();
        await look('usage');
      });
    });
  }
}
