import { Terminal } from '@xterm/headless';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { TerminalSize } from '../api/wire.ts';
import { type Screen, TerminalLink } from './link.ts';
import { muteReports } from './mute.ts';

/** A screen over the real emulator, without a page. */
class HeadlessScreen implements Screen {
  readonly term = new Terminal({ allowProposedApi: true, cols: 80, rows: 24, scrollback: 1000 });

  restore(size: TerminalSize, bytes: Uint8Array, done: () => void): void {
    this.resize(size);
    this.term.write('\x1bc');
    this.term.write(bytes, done);
  }

  write(bytes: Uint8Array, done: () => void): void {
    this.term.write(bytes, done);
  }

  resize(size: TerminalSize): void {
    this.term.write('', () => this.term.resize(size.cols, size.rows));
  }

  async rows(): Promise<string[]> {
    await new Promise<void>((resolve) => this.term.write('', resolve));
    const buffer = this.term.buffer.active;
    const rows = Array.from({ length: buffer.length }, (_, y) =>
      buffer.getLine(y)?.translateToString(true),
    );
    return rows.filter((row) => row !== undefined && row !== '') as string[];
  }
}

/** The other end of the connection: notes what the client sends. */
class FakeWire {
  isOpen = true;
  reconnects = 0;
  sent: string[] = [];

  send(frame: Uint8Array): boolean {
    if (this.isOpen) this.sent.push(describe(frame));
    return this.isOpen;
  }

  reconnect(): void {
    this.reconnects += 1;
  }

  take(): string[] {
    return this.sent.splice(0);
  }
}

function describe(frame: Uint8Array): string {
  const view = new DataView(frame.buffer, frame.byteOffset);
  const rest = (at: number) => Buffer.from(frame.subarray(at)).toString();
  switch (frame[0]) {
    case 1:
      return `hello ${rest(1)}`;
    case 2:
      return `input ${view.getBigUint64(1, true)} ${rest(9)}`;
    case 3:
      return `ack ${view.getBigUint64(1, true)}`;
    case 4:
      return `resize ${view.getUint16(1, true)}x${view.getUint16(3, true)}`;
    case 5:
      return 'claim';
    case 7:
      return 'resync';
    default:
      return `unknown ${frame[0]}`;
  }
}

function frame(kind: number, ...fields: (Uint8Array | string)[]): ArrayBuffer {
  const parts = fields.map((field) => (typeof field === 'string' ? Buffer.from(field) : field));
  return Uint8Array.from(Buffer.concat([Uint8Array.of(kind), ...parts])).buffer;
}

function le(size: 1 | 2 | 4 | 8, value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes.subarray(0, size);
}

const server = {
  snapshot: (epoch: number, offset: number, text: string, skipped = 0, firstLine = 0) =>
    frame(
      0x81,
      le(4, epoch),
      le(8, offset),
      le(2, 80),
      le(2, 24),
      le(8, skipped),
      le(8, firstLine),
      text,
    ),
  output: (offset: number, text: string) => frame(0x82, le(8, offset), text),
  state: (epoch: number, state: string) => frame(0x83, JSON.stringify({ epoch, state })),
  size: (cols: number, rows: number, owner: boolean) =>
    frame(0x84, le(2, cols), le(2, rows), le(1, owner ? 1 : 0)),
  inputAck: (seq: number, result: number) => frame(0x85, le(8, seq), le(1, result)),
  gap: (from: number, to: number) => frame(0x88, le(8, from), le(8, to)),
  error: (code: string) => frame(0x8f, JSON.stringify({ code, message: 'because' })),
};

const utf8 = new TextEncoder();
let screen: HeadlessScreen;
let wire: FakeWire;
let link: TerminalLink;

beforeEach(() => {
  screen = new HeadlessScreen();
  wire = new FakeWire();
  link = new TerminalLink(screen, '42', () => {});
  link.use(wire);
});

afterEach(() => {
  vi.useRealTimers();
});

function type(text: string): void {
  link.input(utf8.encode(text));
}

test('a first connection asks for a snapshot, a later one resumes at its offset', async () => {
  link.fits({ cols: 100, rows: 30 });
  wire.take();
  link.opened();
  expect(wire.take()).toEqual([
    'hello {"client":"42","mode":"live","history":1000,"size":{"cols":100,"rows":30}}',
  ]);
  link.frame(server.snapshot(3, 10, 'hello '));
  link.frame(server.output(10, 'world'));
  expect(await screen.rows()).toEqual(['hello world']);
  link.down();
  link.opened();
  expect(wire.take().at(-1)).toContain('"resume":{"epoch":3,"offset":15}');
});

test('output that was seen is dropped, also when only a part of it was', async () => {
  link.opened();
  link.frame(server.snapshot(1, 0, ''));
  link.frame(server.output(0, 'abc'));
  link.frame(server.output(0, 'abc'));
  link.frame(server.output(1, 'bcdef'));
  expect(await screen.rows()).toEqual(['abcdef']);
});

test('a snapshot replaces the screen and says what was skipped', async () => {
  link.opened();
  link.frame(server.snapshot(1, 0, 'old'));
  link.frame(server.snapshot(1, 5_000_000, 'new', 2_000_000));
  expect(await screen.rows()).toEqual(['new']);
  expect(link.view.notice).toContain('2.0 MB');
});

test('what is parsed is acknowledged at least every 128 KiB', async () => {
  link.opened();
  link.frame(server.snapshot(1, 0, ''));
  await screen.rows();
  wire.take();
  const chunk = 'x'.repeat(64 * 1024);
  for (let at = 0; at < 6; at++) link.frame(server.output(at * chunk.length, chunk));
  await screen.rows();
  expect(wire.take()).toEqual(['ack 131072', 'ack 262144', 'ack 393216']);
});

test('input is numbered, and sent again after a loss until it is acknowledged', () => {
  link.opened();
  link.frame(server.snapshot(1, 0, ''));
  wire.take();
  type('a');
  type('b');
  expect(wire.take()).toEqual(['input 1 a', 'input 2 b']);
  link.frame(server.inputAck(1, 0));
  link.down();
  wire.isOpen = false;
  type('c');
  expect(link.view.queued).toBe(2);
  wire.isOpen = true;
  link.opened();
  link.frame(server.size(80, 24, true));
  expect(wire.take().filter((sent) => sent.startsWith('input'))).toEqual([]);
  link.frame(server.state(1, 'running'));
  expect(wire.take()).toEqual(['input 2 b', 'input 3 c']);
  link.frame(server.inputAck(2, 1));
  link.frame(server.inputAck(3, 0));
  expect(link.view.queued).toBe(0);
});

test('input meant for a program that is gone never reaches its successor', () => {
  link.opened();
  link.frame(server.snapshot(1, 0, ''));
  link.down();
  type('rm -rf build\r');
  wire.take();
  link.opened();
  link.frame(server.snapshot(2, 0, ''));
  type('x');
  expect(wire.take().filter((sent) => sent.startsWith('input'))).toEqual(['input 2 x']);
});

test('a large paste is cut into frames', () => {
  link.opened();
  link.frame(server.snapshot(1, 0, ''));
  wire.take();
  type('p'.repeat(150 * 1024));
  expect(wire.take().map((sent) => sent.length)).toEqual([65_544, 65_544, 22_536]);
});

test('input that was not typed is told', () => {
  link.opened();
  link.frame(server.snapshot(1, 0, ''));
  type('a');
  link.frame(server.inputAck(1, 2));
  expect(link.view.notice).toContain('does not read');
});

test('only the owner of the size asks for its own', () => {
  link.fits({ cols: 100, rows: 30 });
  link.opened();
  link.frame(server.snapshot(1, 0, ''));
  wire.take();
  link.frame(server.size(120, 40, false));
  expect(wire.take()).toEqual([]);
  link.frame(server.size(120, 40, true));
  expect(wire.take()).toEqual(['resize 100x30']);
  link.claim();
  expect(wire.take()).toEqual(['claim', 'resize 100x30']);
});

test('the screen takes a new size after the output before it', async () => {
  link.opened();
  link.frame(server.snapshot(1, 0, ''));
  link.frame(server.output(0, `${'x'.repeat(80)}\r\n`));
  link.frame(server.size(40, 24, false));
  expect(await screen.rows()).toEqual(['x'.repeat(40), 'x'.repeat(40)]);
});

test('the server is asked for its screen once a new size has come to rest', () => {
  vi.useFakeTimers();
  link.opened();
  link.frame(server.snapshot(1, 0, ''));
  wire.take();
  link.frame(server.size(81, 24, false));
  vi.advanceTimersByTime(100);
  link.frame(server.size(82, 24, false));
  vi.advanceTimersByTime(149);
  expect(wire.take()).not.toContain('resync');
  vi.advanceTimersByTime(1);
  expect(wire.take()).toEqual(['resync']);
});

test('lost output is told, and what follows it is shown', async () => {
  link.opened();
  link.frame(server.snapshot(1, 0, ''));
  link.frame(server.gap(0, 500));
  link.frame(server.output(500, 'after'));
  expect(await screen.rows()).toEqual(['after']);
  expect(link.view.notice).toContain('500 bytes');
});

test('a final error stops, another one does not', () => {
  link.opened();
  link.frame(server.error('internal'));
  expect(link.view.status).toBe('down');
  link.frame(server.error('worker-not-found'));
  link.down();
  expect(link.view.status).toBe('refused');
});

test('older lines come with a larger snapshot', () => {
  link.opened();
  link.frame(server.snapshot(1, 9, '', 0, 4000));
  expect(link.view.hasOlder).toBe(true);
  link.loadOlder();
  expect(wire.reconnects).toBe(1);
  wire.take();
  link.opened();
  expect(wire.take()).toEqual(['hello {"client":"42","mode":"live","history":5000}']);
  link.frame(server.snapshot(1, 9, '', 0, 0));
  expect(link.view.hasOlder).toBe(false);
});

test('questions of the program are never answered from here', async () => {
  const answers: string[] = [];
  screen.term.onData((data) => answers.push(data));
  muteReports(screen.term.parser);
  const questions = [
    '\x1b[c',
    '\x1b[0c',
    '\x1b[>c',
    '\x1b[=c',
    '\x1b[5n',
    '\x1b[6n',
    '\x1b[?6n',
    '\x1b[?996n',
    '\x1b[?2026$p',
    '\x1b[4$p',
    '\x1b[>0q',
    '\x1b[?u',
    '\x1b[14t',
    '\x1b[18t',
    '\x05',
    '\x1b]4;1;?\x07',
    '\x1b]10;?\x07',
    '\x1b]11;?\x1b\\',
    '\x1b]12;?\x07',
    '\x1b]10;?;?\x07',
    '\x1bP$qm\x1b\\',
    '\x1bP$qr\x1b\\',
    '\x1bP+q544e\x1b\\',
    '\x1bZ',
  ];
  for (const question of questions) screen.term.write(question);
  await screen.rows();
  expect(answers).toEqual([]);
});
