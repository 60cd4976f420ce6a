import { expect, test } from 'vitest';
import { sizeWords, tooMuch, withFiles } from './files.ts';

test('sizes are said in units of a thousand', () => {
  expect([0, 999, 1000, 12_345, 999_499, 999_999, 3_400_000].map(sizeWords)).toEqual([
    '0 B',
    '999 B',
    '1.0 kB',
    '12 kB',
    '999 kB',
    '1.0 MB',
    '3.4 MB',
  ]);
});

test('what the server would refuse is told first', () => {
  const file = (size: number) => ({ name: `${size}`, size });
  expect(tooMuch([])).toBeNull();
  expect(tooMuch([file(10 * 1024 * 1024)])).toBeNull();
  expect(tooMuch([file(10 * 1024 * 1024), file(1)])).toMatch(/too much/);
  expect(tooMuch(Array.from({ length: 10 }, () => file(1)))).toBeNull();
  expect(tooMuch(Array.from({ length: 11 }, () => file(1)))).toMatch(/^11 files are too many/);
});

test('a file is taken once', () => {
  const [a, b] = [
    { name: 'a', size: 1 },
    { name: 'b', size: 1 },
  ];
  expect(withFiles([a], [{ ...a }, b])).toEqual([a, b]);
});
