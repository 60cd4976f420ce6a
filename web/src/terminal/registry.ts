/**
 * The live terminals of this tab. They outlive the pages that show them, so that going back and
 * forth costs nothing; the one unused for longest is closed when there are too many.
 */
import { useSyncExternalStore } from 'react';
import { Socket, socketUrl } from '../api/socket.ts';
import { useAppearance } from '../lib/appearance.ts';
import { FrameError, TERMINAL_PROTOCOL } from './codec.ts';
import { type LinkView, randomClientId, TerminalLink } from './link.ts';
import { XtermScreen } from './screen.ts';

/**
 * How long a terminal that is not shown stays connected. Whoever follows a worker keeps it from
 * being idle, and a page that was left follows nothing.
 */
const UNSEEN_MS = 60_000;

/** Each holds up to 5,000 lines, about 7 MB. */
const LIVE_MOST = 6;

export interface Scroll {
  atTop: boolean;
  atBottom: boolean;
}

/** One terminal: screen, protocol and connection. */
export class LiveTerminal {
  readonly screen: XtermScreen;
  readonly link: TerminalLink;
  scroll: Scroll = { atTop: true, atBottom: true };
  private readonly socket: Socket;
  private readonly listeners = new Set<() => void>();
  private readonly undress: () => void;

  constructor(sessionId: string, workerId: string) {
    this.screen = new XtermScreen(
      {
        onInput: (bytes) => {
          this.claimIfNeeded();
          this.link.input(bytes);
        },
        onFit: (size) => this.link.fits(size),
        onFocus: () => this.claimIfNeeded(),
        onScroll: (atTop, atBottom) => this.scrolled({ atTop, atBottom }),
      },
      useAppearance.getState(),
    );
    this.link = new TerminalLink(this.screen, randomClientId(), this.tell);
    this.undress = useAppearance.subscribe((appearance) => this.screen.dress(appearance));
    this.socket = new Socket(TERMINAL_PROTOCOL, {
      url: () => socketUrl(`/ws/session/${sessionId}/worker/${workerId}`),
      onOpen: () => this.link.opened(),
      onMessage: (data) => this.message(data),
      onDown: () => this.link.down(),
    });
    this.link.use(this.socket);
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  view = (): LinkView => this.link.view;

  scrollView = (): Scroll => this.scroll;

  /** A person types here: on a desk the grid follows; a phone takes the size only when told. */
  private claimIfNeeded(): void {
    if (!this.link.view.owner && matchMedia('(pointer: fine)').matches) this.link.claim();
  }

  private message(data: string | ArrayBuffer): void {
    if (typeof data === 'string') return;
    try {
      this.link.frame(data);
    } catch (err) {
      if (!(err instanceof FrameError)) throw err;
      this.socket.reconnect();
    }
    if (this.link.view.status === 'refused') this.socket.close();
  }

  private scrolled(scroll: Scroll): void {
    if (scroll.atTop === this.scroll.atTop && scroll.atBottom === this.scroll.atBottom) return;
    this.scroll = scroll;
    this.tell();
  }

  private readonly tell = (): void => {
    for (const listener of this.listeners) listener();
  };

  dispose(): void {
    this.undress();
    this.link.close();
    this.socket.close();
    this.screen.dispose();
  }
}

const live = new Map<string, LiveTerminal>();
const unseen = new Map<string, ReturnType<typeof setTimeout>>();

/** Returns the terminal of a worker, making it when it is not live; it becomes the newest. */
export function terminalOf(sessionId: string, workerId: string): LiveTerminal {
  const known = live.get(workerId);
  const isUsable = known && known.link.view.status !== 'refused';
  if (known && !isUsable) known.dispose();
  const terminal = isUsable ? known : new LiveTerminal(sessionId, workerId);
  live.delete(workerId);
  live.set(workerId, terminal);
  for (const [id, oldest] of live) {
    if (live.size <= LIVE_MOST) break;
    live.delete(id);
    oldest.dispose();
  }
  return terminal;
}

/** A page shows the terminal of a worker until what is returned is called. */
export function show(workerId: string): () => void {
  seen(workerId);
  const end = () => {
    unseen.delete(workerId);
    live.get(workerId)?.dispose();
    live.delete(workerId);
  };
  return () => {
    seen(workerId);
    unseen.set(workerId, setTimeout(end, UNSEEN_MS));
  };
}

function seen(workerId: string): void {
  clearTimeout(unseen.get(workerId));
  unseen.delete(workerId);
}

/** Closes the terminals of workers that are gone. */
export function keepOnly(workerIds: ReadonlySet<string>): void {
  for (const [id, terminal] of live) {
    if (workerIds.has(id)) continue;
    live.delete(id);
    terminal.dispose();
  }
}

export function useLinkView(terminal: LiveTerminal): LinkView {
  return useSyncExternalStore(terminal.subscribe, terminal.view);
}

export function useScroll(terminal: LiveTerminal): Scroll {
  return useSyncExternalStore(terminal.subscribe, terminal.scrollView);
}
