/**
 * A WebSocket that comes back by itself.
 *
 * It owns when to connect again: soon after a loss, later and later while nobody answers, at once
 * when the machine wakes up, the network returns or the page is shown. It knows no frame; what to
 * say after a reconnect is for its owner, in `onOpen`.
 */

const FIRST_DELAY_MS = 200;
/** Nobody waits longer than this for a server that is back. */
const LONGEST_DELAY_MS = 5_000;
/** A connection that takes longer to open is given up: the network swallows it. */
const OPEN_TIMEOUT_MS = 8_000;
const CLOCK_TICK_MS = 4_000;
/** A clock that jumped by this much means the machine slept, and the connection may be half dead. */
const SLEEP_GAP_MS = 20_000;

export interface SocketOwner {
  /** The address of the next connection; may differ from the last one. */
  url(): string;
  onOpen(): void;
  onMessage(data: string | ArrayBuffer): void;
  /** The connection is lost or could not be opened; the next one is being prepared. */
  onDown(): void;
}

export class Socket {
  private readonly owner: SocketOwner;
  private readonly protocol: string;
  private socket: WebSocket | null = null;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private opening: ReturnType<typeof setTimeout> | undefined;
  private readonly clock: ReturnType<typeof setInterval>;
  private lastTick = Date.now();
  private attempts = 0;
  private closed = false;

  constructor(protocol: string, owner: SocketOwner) {
    this.protocol = protocol;
    this.owner = owner;
    this.clock = setInterval(() => this.tick(), CLOCK_TICK_MS);
    globalThis.addEventListener?.('online', this.hurry);
    globalThis.document?.addEventListener('visibilitychange', this.hurry);
    this.connect();
  }

  get isOpen(): boolean {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  /** Sends a frame; `false` when there is no connection to send it on. */
  send(data: string | Uint8Array<ArrayBuffer>): boolean {
    if (!this.isOpen) return false;
    this.socket?.send(data);
    return true;
  }

  /** Drops the connection and opens a new one. */
  reconnect(): void {
    if (this.closed) return;
    this.attempts = 0;
    this.drop();
    this.connect();
  }

  /** Ends for good. */
  close(): void {
    this.closed = true;
    clearInterval(this.clock);
    globalThis.removeEventListener?.('online', this.hurry);
    globalThis.document?.removeEventListener('visibilitychange', this.hurry);
    this.drop();
  }

  private connect(): void {
    clearTimeout(this.retry);
    this.retry = undefined;
    const socket = new WebSocket(this.owner.url(), this.protocol);
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    this.opening = setTimeout(() => this.lost(socket), OPEN_TIMEOUT_MS);
    socket.onopen = () => {
      clearTimeout(this.opening);
      this.attempts = 0;
      this.owner.onOpen();
    };
    socket.onmessage = (event) => this.owner.onMessage(event.data as string | ArrayBuffer);
    socket.onclose = () => this.lost(socket);
  }

  private lost(socket: WebSocket): void {
    if (this.closed || socket !== this.socket) return;
    this.drop();
    const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 1.7 ** this.attempts);
    this.attempts += 1;
    // Spread out, so that many tabs do not all knock at the same moment.
    this.retry = setTimeout(() => this.connect(), ceiling * (0.6 + 0.4 * Math.random()));
    this.owner.onDown();
  }

  private drop(): void {
    clearTimeout(this.opening);
    clearTimeout(this.retry);
    this.retry = undefined;
    const socket = this.socket;
    this.socket = null;
    if (!socket) return;
    socket.onopen = null;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close();
  }

  private tick(): void {
    const gap = Date.now() - this.lastTick;
    this.lastTick = Date.now();
    if (gap > SLEEP_GAP_MS && globalThis.document?.visibilityState !== 'hidden') this.reconnect();
  }

  private readonly hurry = (): void => {
    if (this.retry !== undefined && globalThis.document?.visibilityState !== 'hidden') {
      this.attempts = 0;
      this.connect();
    }
  };
}

/** The address of a socket of this page's server. */
export function socketUrl(path: string): string {
  return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${path}`;
}
