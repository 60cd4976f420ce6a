import { Terminal } from '@xterm/headless';
import { expect, test } from 'vitest';
import { width, widthProvider } from './widths.ts';

test('code points have the width the server gives them', () => {
  const widths = {
    a: 1,
    é: 1,
    '\u0301': 0,
    漢: 2,
    '\uff21': 2,
    '🦀': 2,
    '🫨': 2,
    '\u200d': 0,
    '⎿': 1,
  };
  for (const [text, cells] of Object.entries(widths)) {
    expect(width(text.codePointAt(0) ?? 0), text).toBe(cells);
  }
  expect([width(0), width(0x1b), width(0x7f), width(0x10ffff)]).toEqual([0, 0, 0, 1]);
});

test('the emulator puts text where the table says', async () => {
  const term = new Terminal({ allowProposedApi: true, cols: 20, rows: 2 });
  term.unicode.register(widthProvider);
  term.unicode.activeVersion = widthProvider.version;
  await new Promise<void>((resolve) => term.write('漢e\u0301🫨x', resolve));
  expect(term.buffer.active.cursorX).toBe(6);
  expect(term.buffer.active.getLine(0)?.translateToString(true)).toBe('漢e\u0301🫨x');
});
