/**
 * The application socket, and what it told, for every page.
 *
 * One connection per tab while signed in. After a loss it names the last event it saw and is told
 * what it missed.
 */
import { create } from 'zustand';
import { type AppData, apply, EMPTY, reduce } from './app-state.ts';
import { call } from './client.ts';
import { Socket, socketUrl } from './socket.ts';
import type { AppEvent, AppFrame } from './wire.ts';

const PROTOCOL = 'offshoot.app.v2';

interface AppStore extends AppData {
  /** Whether the first snapshot is here. */
  isReady: boolean;
  isConnected: boolean;
}

export const useApp = create<AppStore>(() => ({ ...EMPTY, isReady: false, isConnected: false }));

let socket: Socket | null = null;

/** Opens the socket; it stays open until `disconnect`. */
export function connect(): void {
  socket ??= new Socket(PROTOCOL, {
    url,
    onOpen: () => useApp.setState({ isConnected: true }),
    onMessage: (data) => {
      if (typeof data === 'string') onFrame(JSON.parse(data) as AppFrame);
    },
    onDown: () => {
      useApp.setState({ isConnected: false });
      // A refused handshake looks like a loss; a request tells whether the sign-in ended.
      call('GET', '/api/auth/me').catch(() => {});
    },
  });
}

/** Closes the socket and forgets everything. */
export function disconnect(): void {
  socket?.close();
  socket = null;
  useApp.setState({ ...EMPTY, isReady: false, isConnected: false });
}

const listeners = new Set<(frame: AppFrame) => void>();

/** Tells frames to a page that keeps what is not kept here, after they were applied. */
export function listen(listener: (frame: AppFrame) => void): void {
  listeners.add(listener);
}

/** Applies what an answer of the server already tells, before its event comes. */
export function learn(event: AppEvent): void {
  useApp.setState((state) => apply(state, event));
}

function onFrame(frame: AppFrame): void {
  const next = reduce(useApp.getState(), frame);
  if (next) {
    useApp.setState({ ...next, isReady: true });
    for (const listener of listeners) listener(frame);
    return;
  }
  useApp.setState({ instance: null });
  socket?.reconnect();
}

function url(): string {
  const { instance, seq } = useApp.getState();
  const query = instance === null ? '' : `?instance=${encodeURIComponent(instance)}&seq=${seq}`;
  return socketUrl(`/ws/app${query}`);
}
