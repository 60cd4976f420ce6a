import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Socket } from './socket.ts';

/** A connection whose other end the test plays. */
class FakeWebSocket {
  static readonly OPEN = 1;
  static made: FakeWebSocket[] = [];
  readyState = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  readonly sent: unknown[] = [];
  readonly url: string;

  constructor(url: string) {
    this.url = url;
    FakeWebSocket.made.push(this);
  }

  accept(): void {
    this.readyState = FakeWebSocket.OPEN;
    this.onopen?.();
  }

  fail(): void {
    this.readyState = 3;
    this.onclose?.();
  }

  send(data: unknown): void {
    this.sent.push(data);
  }

  close(): void {
    this.readyState = 3;
  }
}

let said: string[];
let socket: Socket;

function newest(): FakeWebSocket {
  const found = FakeWebSocket.made.at(-1);
  if (!found) throw new Error('no connection was made');
  return found;
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('WebSocket', FakeWebSocket);
  FakeWebSocket.made = [];
  said = [];
  let count = 0;
  socket = new Socket('test', {
    url: () => `ws://host/${count++}`,
    onOpen: () => said.push('open'),
    onMessage: (data) => said.push(`message ${data}`),
    onDown: () => said.push('down'),
  });
});

afterEach(() => {
  socket.close();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test('a lost connection comes back within half a second, at a fresh address', () => {
  newest().accept();
  newest().onmessage?.({ data: 'hello' });
  newest().fail();
  vi.advanceTimersByTime(500);
  expect(FakeWebSocket.made.map(({ url }) => url)).toEqual(['ws://host/0', 'ws://host/1']);
  newest().accept();
  expect(said).toEqual(['open', 'message hello', 'down', 'open']);
});

test('a server that stays away is asked more and more seldom, but at least every five seconds', () => {
  const gaps: number[] = [];
  for (let attempt = 0; attempt < 12; attempt++) {
    const before = FakeWebSocket.made.length;
    newest().fail();
    let waited = 0;
    while (FakeWebSocket.made.length === before) {
      vi.advanceTimersByTime(50);
      waited += 50;
    }
    gaps.push(waited);
  }
  expect(gaps[0]).toBeLessThanOrEqual(200);
  expect(Math.max(...gaps)).toBeLessThanOrEqual(5_000);
  expect(gaps.at(-1)).toBeGreaterThanOrEqual(3_000);
});

test('a connection that is neither opened nor refused is given up', () => {
  vi.advanceTimersByTime(8_000);
  expect(said).toEqual(['down']);
  vi.advanceTimersByTime(500);
  expect(FakeWebSocket.made).toHaveLength(2);
});

test('nothing is sent, and nothing said, without a connection', () => {
  expect(socket.send('early')).toBe(false);
  newest().accept();
  expect(socket.send('now')).toBe(true);
  socket.close();
  expect(socket.send('late')).toBe(false);
  newest().fail();
  vi.advanceTimersByTime(60_000);
  expect(FakeWebSocket.made).toHaveLength(1);
  expect(said).toEqual(['open']);
});

test('after the machine slept the connection is made anew', () => {
  newest().accept();
  vi.advanceTimersByTime(4_000);
  vi.setSystemTime(Date.now() + 3_600_000);
  vi.advanceTimersByTime(4_000);
  expect(FakeWebSocket.made).toHaveLength(2);
});
