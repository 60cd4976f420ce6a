import { useEffect } from 'react';
import { checkSignIn, useAuth } from './api/auth.ts';
import { SignIn } from './pages/SignIn.tsx';
import { Button } from './ui/Button.tsx';
import { Mark } from './ui/Mark.tsx';

export function App() {
  const state = useAuth((auth) => auth.state);
  useEffect(() => void checkSignIn(), []);
  switch (state) {
    case 'checking':
      return null;
    case 'out':
      return <SignIn />;
    case 'gone':
      return <ServerGone />;
    case 'in':
      return (
        <main className="p-6">
          <h1 className="flex items-center gap-2 text-lg font-semibold">
            <Mark /> Offshoot
          </h1>
        </main>
      );
  }
}

function ServerGone() {
  return (
    <main className="mx-auto flex min-h-full max-w-[420px] flex-col justify-center gap-3 px-5">
      <h1 className="text-lg font-semibold">The server does not answer</h1>
      <p className="text-ink-2">Agents keep running without it. Start it again, then retry.</p>
      <Button tone="primary" className="self-start" onClick={() => void checkSignIn()}>
        Try again
      </Button>
    </main>
  );
}
