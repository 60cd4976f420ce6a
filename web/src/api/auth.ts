/** Whether this browser is signed in. Asks the server once, then follows what requests reveal. */
import { create } from 'zustand';
import { call, Failure, listenSignedOut } from './client.ts';

type AuthState = 'checking' | 'in' | 'out' | 'gone';

interface Auth {
  state: AuthState;
}

export const useAuth = create<Auth>(() => ({ state: 'checking' }));

/** Asks the server whether the cookie is still good. */
export async function checkSignIn(): Promise<void> {
  try {
    await call('GET', '/api/auth/me');
    // Not needed, and not for the history either.
    takeCodeFromAddress();
    useAuth.setState({ state: 'in' });
  } catch (err) {
    const gone = err instanceof Failure && err.problem.status !== 401;
    useAuth.setState({ state: gone ? 'gone' : 'out' });
  }
}

/** Trades a one-time code or a token for a cookie. */
export async function signIn(code: string): Promise<void> {
  await call('POST', '/api/auth/sign-in', { body: { code } });
  useAuth.setState({ state: 'in' });
}

/** Forgets this browser. */
export async function signOut(): Promise<void> {
  await call('POST', '/api/auth/sign-out');
  useAuth.setState({ state: 'out' });
}

/** Takes the code out of the address, so that it neither stays in the history nor is shown. */
export function takeCodeFromAddress(): string | null {
  const code = new URLSearchParams(location.hash.slice(1)).get('code');
  if (code !== null) history.replaceState(history.state, '', location.pathname + location.search);
  return code;
}

/** Finds the code in what a person pasted: the code itself, a token, or the whole address. */
export function codeIn(text: string): string {
  const trimmed = text.trim();
  const at = trimmed.indexOf('#code=');
  return at < 0 ? trimmed : decodeURIComponent(trimmed.slice(at + '#code='.length));
}

listenSignedOut(() => useAuth.setState({ state: 'out' }));
