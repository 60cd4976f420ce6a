import { CloudOff } from 'lucide-react';
import { useEffect } from 'react';
import { checkSignIn } from '../api/auth.ts';
import { Button } from '../ui/Button.tsx';

const RETRY_MS = 2_000;

/** The first request found no server. Tries again by itself. */
export function ServerGone() {
  useEffect(() => {
    const timer = setInterval(() => void checkSignIn(), RETRY_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <main className="mx-auto flex min-h-full max-w-[420px] flex-col items-start justify-center gap-3 px-5">
      <CloudOff size={28} aria-hidden className="text-asks" />
      <h1 className="text-lg font-semibold">The server does not answer</h1>
      <p className="text-ink-2">
        Agents and shells keep running without it. Start it with{' '}
        <code className="font-mono text-sm text-ink">offshoot serve</code>; this page comes back by
        itself.
      </p>
      <Button onClick={() => void checkSignIn()}>Try again now</Button>
    </main>
  );
}
