/**
 * Frames of `offshoot.terminal.v2`: one byte of type, fields in little-endian order, payload.
 *
 * Pure: bytes to values and back. 64-bit numbers are read as doubles; an offset is exact up to
 * 2^53, which is eight petabytes of output. A frame that cannot be read throws `FrameError`.
 */
import type { Exit, ProcessState, TerminalSize } from '../api/wire.ts';

export const TERMINAL_PROTOCOL = 'offshoot.terminal.v2';

export interface Hello {
  client: string;
  resume?: { epoch: number; offset: number };
  mode: 'live' | 'complete';
  history?: number;
  size?: TerminalSize;
}

export type InputResult = 'accepted' | 'duplicate' | 'full' | 'not-running';

export interface TerminalState {
  epoch: number;
  state: ProcessState;
  exit?: Exit;
  reason?: string;
}

export interface TerminalError {
  code: string;
  message: string;
}

export interface Snapshot {
  epoch: number;
  offset: number;
  size: TerminalSize;
  skipped: number;
  firstLine: number;
  bytes: Uint8Array;
}

export type ServerFrame =
  | ({ type: 'snapshot' } & Snapshot)
  | { type: 'output'; offset: number; bytes: Uint8Array }
  | { type: 'state'; state: TerminalState }
  | { type: 'size'; size: TerminalSize; owner: boolean }
  | { type: 'input-ack'; seq: number; result: InputResult }
  | { type: 'history'; request: number; firstLine: number; lines: number; bytes: Uint8Array }
  | { type: 'exit'; offset: number; exit: Exit }
  | { type: 'gap'; from: number; to: number }
  | { type: 'error'; error: TerminalError };

export class FrameError extends Error {}

type Frame = Uint8Array<ArrayBuffer>;

const RESULTS: InputResult[] = ['accepted', 'duplicate', 'full', 'not-running'];
const text = new TextDecoder();
const utf8 = new TextEncoder();

/** Reads fields off the front of a frame. */
class Fields {
  private readonly view: DataView;
  private at = 1;

  constructor(frame: ArrayBuffer) {
    this.view = new DataView(frame);
  }

  private take(size: number): number {
    const at = this.at;
    if (at + size > this.view.byteLength) throw new FrameError('the frame is too short');
    this.at += size;
    return at;
  }

  u8(): number {
    return this.view.getUint8(this.take(1));
  }

  u16(): number {
    return this.view.getUint16(this.take(2), true);
  }

  u32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  u64(): number {
    return Number(this.view.getBigUint64(this.take(8), true));
  }

  size(): TerminalSize {
    return { cols: this.u16(), rows: this.u16() };
  }

  rest(): Uint8Array {
    return new Uint8Array(this.view.buffer, this.at);
  }

  json<T>(): T {
    return JSON.parse(text.decode(this.rest())) as T;
  }
}

/** Decodes one frame of the server. */
export function decode(frame: ArrayBuffer): ServerFrame {
  if (frame.byteLength === 0) throw new FrameError('the frame is empty');
  const kind = new Uint8Array(frame)[0];
  const f = new Fields(frame);
  switch (kind) {
    case 0x81: {
      const [epoch, offset, size] = [f.u32(), f.u64(), f.size()];
      const [skipped, firstLine] = [f.u64(), f.u64()];
      return { type: 'snapshot', epoch, offset, size, skipped, firstLine, bytes: f.rest() };
    }
    case 0x82:
      return { type: 'output', offset: f.u64(), bytes: f.rest() };
    case 0x83:
      return { type: 'state', state: f.json() };
    case 0x84:
      return { type: 'size', size: f.size(), owner: f.u8() === 1 };
    case 0x85: {
      const seq = f.u64();
      const result = RESULTS[f.u8()];
      if (!result) throw new FrameError('unknown input result');
      return { type: 'input-ack', seq, result };
    }
    case 0x86: {
      const [request, firstLine, lines] = [f.u32(), f.u64(), f.u32()];
      return { type: 'history', request, firstLine, lines, bytes: f.rest() };
    }
    case 0x87:
      return { type: 'exit', offset: f.u64(), exit: f.json() };
    case 0x88:
      return { type: 'gap', from: f.u64(), to: f.u64() };
    case 0x8f:
      return { type: 'error', error: f.json() };
    default:
      throw new FrameError(`unknown frame type 0x${kind?.toString(16)}`);
  }
}

function frame(kind: number, size: number): [Frame, DataView] {
  const bytes = new Uint8Array(1 + size);
  bytes[0] = kind;
  return [bytes, new DataView(bytes.buffer, 1)];
}

export function encodeHello(hello: Hello): Frame {
  const body = utf8.encode(JSON.stringify(hello));
  const [bytes] = frame(0x01, body.length);
  bytes.set(body, 1);
  return bytes;
}

export function encodeInput(seq: number, input: Uint8Array): Frame {
  const [bytes, fields] = frame(0x02, 8 + input.length);
  fields.setBigUint64(0, BigInt(seq), true);
  bytes.set(input, 9);
  return bytes;
}

export function encodeAck(offset: number): Frame {
  const [bytes, fields] = frame(0x03, 8);
  fields.setBigUint64(0, BigInt(offset), true);
  return bytes;
}

export function encodeResize(size: TerminalSize): Frame {
  const [bytes, fields] = frame(0x04, 4);
  fields.setUint16(0, size.cols, true);
  fields.setUint16(2, size.rows, true);
  return bytes;
}

export function encodeClaim(): Frame {
  return frame(0x05, 0)[0];
}

export function encodeHistory(request: number, before: number, count: number): Frame {
  const [bytes, fields] = frame(0x06, 14);
  fields.setUint32(0, request, true);
  fields.setBigUint64(4, BigInt(before), true);
  fields.setUint16(12, count, true);
  return bytes;
}

export function encodeResync(): Frame {
  return frame(0x07, 0)[0];
}
