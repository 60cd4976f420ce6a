/**
 * One worker's terminal as a client of `offshoot.terminal.v2` (docs/terminal-socket.md).
 *
 * Owns the position in the output, the inputs not yet acknowledged and the size. It does not know
 * how a screen is drawn (`Screen`) nor how a connection is made (`Wire`). After a loss it resumes
 * at its offset; typed input is numbered, so that sending it again types nothing twice.
 */
import type { Exit, TerminalSize } from '../api/wire.ts';
import {
  decode,
  encodeAck,
  encodeClaim,
  encodeHello,
  encodeInput,
  encodeResize,
  encodeResync,
  type ServerFrame,
  type Snapshot,
  type TerminalError,
  type TerminalState,
} from './codec.ts';

/** What draws. Calls take effect in order; `done` runs when the bytes are parsed. */
export interface Screen {
  /** Replaces everything by a snapshot, without an empty screen in between. */
  restore(size: TerminalSize, bytes: Uint8Array, done: () => void): void;
  write(bytes: Uint8Array, done: () => void): void;
  resize(size: TerminalSize): void;
}

/** What carries frames; `false` when there is no connection. */
export interface Wire {
  send(frame: Uint8Array<ArrayBuffer>): boolean;
  /** Drops the connection and opens a new one. */
  reconnect(): void;
}

export type LinkStatus = 'connecting' | 'live' | 'down' | 'refused';

/** What a page shows about a terminal. Replaced, never changed in place. */
export interface LinkView {
  status: LinkStatus;
  process: TerminalState | null;
  size: TerminalSize | null;
  /** Whether this client decides the size. */
  owner: boolean;
  /** Inputs typed but not yet acknowledged. */
  queued: number;
  notice: string | null;
  error: TerminalError | null;
  /** Whether lines above the ones held here can be asked for. */
  hasOlder: boolean;
}

/** Acknowledge at least so often; the server stops sending at eight times as much. */
const ACK_EVERY_BYTES = 128 * 1024;
/** Larger pastes are cut, so that no frame exceeds the server's limit. */
const INPUT_CHUNK_BYTES = 64 * 1024;
/** Input kept while nobody takes it; more is refused with a notice. */
const INPUT_QUEUE_BYTES = 1024 * 1024;
/** A window being dragged changes its size many times; one snapshot at the end is enough. */
const RESYNC_AFTER_MS = 150;
const HISTORY_FIRST = 1000;
const HISTORY_MOST = 5000;
const FATAL = new Set(['session-not-found', 'worker-not-found', 'unauthenticated', 'wrong-state']);

/** A random number of 64 bits, in decimal. */
export function randomClientId(): string {
  return crypto.getRandomValues(new BigUint64Array(1)).join('');
}

export class TerminalLink {
  private readonly screen: Screen;
  private readonly client: string;
  private readonly changed: () => void;
  private wire: Wire | null = null;
  private epoch: number | null = null;
  /** The offset of the next byte this client lacks. */
  private received = 0;
  /** Everything before this offset is parsed, and the server knows it. */
  private acknowledged = 0;
  private nextSeq = 1;
  private readonly pending = new Map<number, Uint8Array>();
  private pendingBytes = 0;
  /** Whether the inputs of the last connection were sent again on this one. */
  private resent = false;
  private history = HISTORY_FIRST;
  private wantsSnapshot = false;
  private fit: TerminalSize | null = null;
  /** Grows with every snapshot, so that late write callbacks of an older screen are told apart. */
  private life = 0;
  private resync: ReturnType<typeof setTimeout> | undefined;
  view: LinkView = {
    status: 'connecting',
    process: null,
    size: null,
    owner: false,
    queued: 0,
    notice: null,
    error: null,
    hasOlder: false,
  };

  constructor(screen: Screen, client: string, changed: () => void) {
    this.screen = screen;
    this.client = client;
    this.changed = changed;
  }

  use(wire: Wire): void {
    this.wire = wire;
  }

  /** A connection is open: says who this is and what it holds. */
  opened(): void {
    this.resent = false;
    this.wire?.send(
      encodeHello({
        client: this.client,
        mode: 'live',
        history: this.history,
        ...(this.epoch === null || this.wantsSnapshot
          ? {}
          : { resume: { epoch: this.epoch, offset: this.received } }),
        ...(this.fit ? { size: this.fit } : {}),
      }),
    );
  }

  /** The connection is lost. */
  down(): void {
    this.resent = false;
    if (this.view.status !== 'refused') this.show({ status: 'down' });
  }

  /** A frame came. */
  frame(data: ArrayBuffer): void {
    const frame = decode(data);
    this.resendInputs(frame);
    switch (frame.type) {
      case 'snapshot':
        this.onSnapshot(frame);
        break;
      case 'output':
        this.onOutput(frame.offset, frame.bytes);
        break;
      case 'state':
        this.show({ process: frame.state, status: 'live' });
        break;
      case 'size':
        this.onSize(frame.size, frame.owner);
        break;
      case 'input-ack':
        this.onInputAck(frame.seq, frame.result);
        break;
      case 'exit':
        this.onExit(frame.exit);
        break;
      case 'gap':
        this.onGap(frame.from, frame.to);
        break;
      case 'error':
        this.onError(frame.error);
        break;
      case 'history':
        break; // Not asked for: older lines come with a larger snapshot.
    }
  }

  /** Types bytes. They are kept until the terminal has them. */
  input(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.pendingBytes + bytes.length > INPUT_QUEUE_BYTES) {
      this.show({ notice: 'Not typed: too much input is already waiting for the program.' });
      return;
    }
    for (let at = 0; at < bytes.length; at += INPUT_CHUNK_BYTES) {
      const chunk = bytes.slice(at, at + INPUT_CHUNK_BYTES);
      const seq = this.nextSeq++;
      this.pending.set(seq, chunk);
      this.pendingBytes += chunk.length;
      if (this.resent) this.wire?.send(encodeInput(seq, chunk));
    }
    if (!this.resent) this.show({});
  }

  /** The size that fits the place on the page; followed while this client owns the size. */
  fits(size: TerminalSize): void {
    if (this.fit?.cols === size.cols && this.fit.rows === size.rows) return;
    this.fit = size;
    this.wire?.send(encodeResize(size));
  }

  /** Takes the size: the grid becomes what fits here. */
  claim(): void {
    if (!this.wire?.send(encodeClaim())) return;
    if (this.fit) this.wire.send(encodeResize(this.fit));
  }

  /** Asks for a snapshot with as many older lines as the server gives. */
  loadOlder(): void {
    this.history = HISTORY_MOST;
    this.wantsSnapshot = true;
    this.wire?.reconnect();
  }

  /** Ends what is still planned. */
  close(): void {
    clearTimeout(this.resync);
  }

  dismissNotice(): void {
    this.show({ notice: null });
  }

  private onSnapshot(snapshot: Snapshot): void {
    if (this.epoch !== null && this.epoch !== snapshot.epoch) this.forgetInputs();
    this.epoch = snapshot.epoch;
    this.wantsSnapshot = false;
    this.received = snapshot.offset;
    this.acknowledged = snapshot.offset;
    this.life += 1;
    const life = this.life;
    this.screen.restore(snapshot.size, snapshot.bytes, () => {
      if (life === this.life) this.onParsed(snapshot.offset, 0);
    });
    this.show({
      status: 'live',
      size: snapshot.size,
      error: null,
      hasOlder: snapshot.firstLine > 0 && this.history < HISTORY_MOST,
      ...(snapshot.skipped > 0
        ? {
            notice: `${formatBytes(snapshot.skipped)} of output went by faster than it could be shown.`,
          }
        : {}),
    });
  }

  private onOutput(offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length;
    if (end <= this.received) return;
    const fresh = offset < this.received ? bytes.subarray(this.received - offset) : bytes;
    this.received = end;
    const life = this.life;
    this.screen.write(fresh, () => {
      if (life === this.life) this.onParsed(end, ACK_EVERY_BYTES);
    });
    if (this.view.status !== 'live') this.show({ status: 'live' });
  }

  private onParsed(offset: number, every: number): void {
    if (offset - this.acknowledged < every) return;
    this.acknowledged = offset;
    this.wire?.send(encodeAck(offset));
  }

  private onSize(size: TerminalSize, owner: boolean): void {
    const same = this.view.size?.cols === size.cols && this.view.size.rows === size.rows;
    if (!same) {
      this.screen.resize(size);
      this.resyncSoon();
    }
    this.show({ size, owner, status: 'live' });
    if (owner && this.fit && (this.fit.cols !== size.cols || this.fit.rows !== size.rows)) {
      this.wire?.send(encodeResize(this.fit));
    }
  }

  /**
   * Emulators wrap lines differently when the width changes: the server's screen is the truth, so
   * it is asked for once the size has come to rest.
   */
  private resyncSoon(): void {
    clearTimeout(this.resync);
    if (this.epoch === null) return;
    this.resync = setTimeout(() => this.wire?.send(encodeResync()), RESYNC_AFTER_MS);
  }

  private onInputAck(seq: number, result: string): void {
    const bytes = this.pending.get(seq);
    if (!bytes) return;
    this.pending.delete(seq);
    this.pendingBytes -= bytes.length;
    if (result === 'full') {
      this.show({ notice: 'Not typed: the program does not read its input.' });
    } else if (result === 'not-running') {
      this.show({ notice: 'Not typed: the process has ended.' });
    } else if (this.view.queued > 0) {
      this.show({});
    }
  }

  private onExit(exit: Exit): void {
    this.show({ process: { epoch: this.epoch ?? 0, state: 'exited', exit }, status: 'live' });
  }

  private onGap(from: number, to: number): void {
    this.received = Math.max(this.received, to);
    this.show({ notice: `${formatBytes(to - from)} of output is no longer kept.` });
  }

  private onError(error: TerminalError): void {
    this.resent = false;
    this.show({ error, status: FATAL.has(error.code) ? 'refused' : 'down' });
  }

  /** Sends waiting inputs once it is known that the same life of the worker will read them. */
  private resendInputs(frame: ServerFrame): void {
    if (this.resent) return;
    if (frame.type === 'size' || frame.type === 'input-ack' || frame.type === 'error') return;
    const epoch =
      frame.type === 'snapshot'
        ? frame.epoch
        : frame.type === 'state'
          ? frame.state.epoch
          : this.epoch;
    if (this.epoch !== null && epoch !== this.epoch) this.forgetInputs();
    this.resent = true;
    for (const [seq, bytes] of this.pending) this.wire?.send(encodeInput(seq, bytes));
    this.show({});
  }

  /** What was typed to a program that is gone must not reach its successor. */
  private forgetInputs(): void {
    this.pending.clear();
    this.pendingBytes = 0;
  }

  private show(change: Partial<LinkView>): void {
    this.view = { ...this.view, ...change, queued: this.resent ? 0 : this.pending.size };
    this.changed();
  }
}

export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(bytes < 10_000 ? 1 : 0)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
