import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkPage, expect, seesInTerminal, test } from '../fixtures/test.ts';

const SIZES = [
  { name: 'desk', viewport: { width: 1440, height: 900 }, hasTouch: false, isMobile: false },
  { name: 'phone', viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
];

for (const { name: size, ...device } of SIZES) {
  for (const colorScheme of ['dark', 'light'] as const) {
    test.describe(`${size}, ${colorScheme}`, () => {
      test.use({ ...device, colorScheme });

      test('every page passes axe and fits', async ({ page, server, api }) => {
        test.slow();
        const look = (name: string, isOverlay = false) =>
          checkPage(page, { name: `${name}-${size}-${colorScheme}`, isOverlay });
        const address = await server.start();
        await page.goto(server.url);
        await page.getByLabel('Address, code or token').fill('wrong');
        await page.getByRole('button', { name: 'Sign in' }).click();
        await expect(page.getByRole('alert')).toBeVisible();
        await look('sign-in');
        await page.getByLabel('Address, code or token').fill(address);
        await page.getByRole('button', { name: 'Sign in' }).click();
        await expect(page.getByRole('heading', { name: 'This machine' })).toBeVisible();
        await expect(page.getByText(/git/).first()).toBeVisible();
        await look('first-visit');

        const running = await api.startAgent('Fix the login test that fails now and then');
        const failing = await api.startAgent('exit at once', {
          run: { kind: 'command', command: '/bin/sh -c "echo boom; exit 3"' },
        });
        const paused = await api.startAgent('rests');
        writeFileSync(join(paused.locationPath, 'notes.txt'), 'not yet committed\n');
        await api.pause(paused.id);
        await expect(page.getByRole('link', { name: 'exit at once' })).toBeVisible();
        await expect(page.getByText('Ended with code 3')).toBeVisible();
        await expect(page.getByText('prompt: Fix the login test')).toBeVisible();
        await look('dashboard');

        await page.goto(`${server.url}/sessions/${running.id}`);
        await seesInTerminal(page, 'prompt: Fix the login');
        await look('session');
        await page.getByRole('button', { name: 'More about this session' }).click();
        await page.getByRole('menuitem', { name: 'Delete…' }).click();
        await expect(page.getByRole('alertdialog')).toBeVisible();
        await look('delete', true);
        await page.getByRole('button', { name: 'Cancel' }).click();
        for (const item of ['Message with files…', 'Export…', 'When idle…']) {
          await page.getByRole('button', { name: 'More about this session' }).click();
          await page.getByRole('menuitem', { name: item }).click();
          await expect(page.getByRole('dialog')).toBeVisible();
          await look(item.replace(/\W+/g, '-').toLowerCase(), true);
          await page.keyboard.press('Escape');
          await expect(page.getByRole('dialog')).toBeHidden();
        }

        await page.goto(`${server.url}/sessions/${failing.id}`);
        await seesInTerminal(page, 'boom');
        await look('failed');
        await page.goto(`${server.url}/sessions/${paused.id}`);
        await expect(page.getByRole('heading', { name: 'This session is paused' })).toBeVisible();
        await look('paused');
        await page.goto(server.url);
        await page.getByRole('button', { name: 'Clone from an address' }).click();
        await page
          .getByRole('textbox', { name: 'Address' })
          .fill('ssh://nowhere.invalid/meadow.git');
        await page.getByRole('button', { name: 'Clone', exact: true }).click();
        await expect(page.getByRole('dialog').getByRole('log')).toContainText('cloning');
        await look('clone', true);
        await api.remove(paused.id);
        await page.goto(`${server.url}/settings/repositories`);
        await expect(page.getByRole('button', { name: /^Restore/ })).toBeVisible();
        await look('repositories');
        await page.goto(`${server.url}/settings/jobs`);
        await page.getByRole('button', { name: /^Show the log of Clone/ }).click();
        await expect(page.getByRole('log')).toContainText('cloning');
        await look('jobs');
        await page.goto(`${server.url}/settings/notifications`);
        await expect(page.getByText('There are no webhooks.')).toBeVisible();
        await look('notifications');
        await page.goto(`${server.url}/settings`);
        await page.getByLabel('What the token is for').fill('phone');
        await page.getByRole('button', { name: 'Make a token' }).click();
        await expect(page.getByText('copy it now')).toBeVisible();
        await look('settings');
        await page.goto(`${server.url}/sessions/00000000-0000-4000-8000-000000000000`);
        await expect(page.getByRole('heading', { name: 'This session does not' })).toBeVisible();
        await look('no-session');
        await page.goto(`${server.url}/no/such/page`);
        await expect(page.getByRole('heading', { name: 'This page does not' })).toBeVisible();
        await look('no-page');
      });
    });
  }
}
