// Fails when the built UI has grown over its budget. Sizes are those of gzip, as sent.
import { readdirSync, readFileSync, statSync } from 'node:fs';

const dist = new URL('../dist/', import.meta.url);
const html = readFileSync(new URL('index.html', dist), 'utf8');
const sizeOf = (path) => statSync(new URL(`${path}.gz`, dist)).size;
const first = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+\.js)"/g)].map((match) => match[1]);
const terminal = readdirSync(new URL('assets/', dist))
  .filter((name) => /^SessionPage-.*\.js$/.test(name))
  .map((name) => `assets/${name}`);

const budgets = [
  { name: 'first page', files: first, most: 200_000 },
  { name: 'terminal', files: terminal, most: 120_000 },
];
for (const { name, files, most } of budgets) {
  const size = files.reduce((sum, file) => sum + sizeOf(file), 0);
  console.log(`${name}: ${(size / 1000).toFixed(1)} kB of ${most / 1000} kB`);
  if (files.length === 0 || size > most) process.exitCode = 1;
}
