import { KeyRound, XCircle } from 'lucide-react';
import { type FormEvent, useEffect, useEffectEvent, useState } from 'react';
import { codeIn, signIn, takeCodeFromAddress } from '../api/auth.ts';
import { Failure, messageOf } from '../api/client.ts';
import { Button } from '../ui/Button.tsx';
import { Field } from '../ui/Field.tsx';
import { Mark } from '../ui/Mark.tsx';

/** Says what a refusal means for a person, who cannot know how codes live. */
function explain(err: unknown): string {
  if (!(err instanceof Failure)) return messageOf(err);
  switch (err.code) {
    case 'unauthenticated':
      return 'This code is not valid: it was used already, is too old, or was mistyped. Run “offshoot signin” for a new one.';
    case 'rate-limited':
      return 'Too many attempts. Wait a minute, then try again.';
    default:
      return err.message;
  }
}

function Command({ children }: { children: string }) {
  return (
    <code className="rounded-sm bg-sunken px-1 py-px font-mono text-sm text-ink">{children}</code>
  );
}

export function SignIn() {
  const [code, setCode] = useState('');
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  async function attempt(given: string) {
    setBusy(true);
    setError(null);
    try {
      await signIn(given);
    } catch (err) {
      setError(explain(err));
    } finally {
      setBusy(false);
    }
  }

  // A code in the address is good once: it is taken out and tried a single time. Pasting another
  // address of this page changes only the part behind the #.
  const look = useEffectEvent(() => {
    const found = takeCodeFromAddress();
    if (found) void attempt(found);
  });
  useEffect(() => {
    const listener = () => look();
    listener();
    window.addEventListener('hashchange', listener);
    return () => window.removeEventListener('hashchange', listener);
  }, []);

  function submit(event: FormEvent) {
    event.preventDefault();
    const given = codeIn(code);
    if (given) void attempt(given);
    else setError('Paste the code from the address that the server printed.');
  }

  return (
    <main className="mx-auto flex min-h-full w-full max-w-[420px] flex-col justify-center gap-6 px-5 py-10">
      <div className="flex items-center gap-2.5">
        <Mark size={28} />
        <h1 className="text-lg font-semibold tracking-tight">Sign in to Offshoot</h1>
      </div>
      <form
        onSubmit={submit}
        className="flex flex-col gap-4 rounded-lg border border-line bg-surface p-5"
      >
        <p className="text-ink-2">
          Open the address that <code className="font-mono text-sm text-ink">offshoot serve</code>{' '}
          printed, or paste it here. A token works as well.
        </p>
        <Field
          label="Address, code or token"
          name="code"
          mono
          autoFocus
          autoComplete="one-time-code"
          placeholder="http://127.0.0.1:7171/#code=…"
          value={code}
          disabled={busy}
          onChange={(event) => setCode(event.target.value)}
        />
        {error && (
          <p role="alert" className="flex gap-2 text-failed">
            <XCircle size={16} aria-hidden className="mt-px shrink-0" />
            <span>{error}</span>
          </p>
        )}
        <Button
          type="submit"
          tone="primary"
          busy={busy}
          icon={<KeyRound size={14} aria-hidden />}
          className="self-start"
        >
          Sign in
        </Button>
      </form>
      <details className="text-ink-2">
        <summary className="cursor-pointer py-1 hover:text-ink">Where do I find a code?</summary>
        <div className="mt-2 flex flex-col gap-2">
          <p>It is printed in the terminal where the server starts, and is good once.</p>
          <p>
            On the machine of the server, <Command>offshoot signin</Command> prints a fresh one, and{' '}
            <Command>offshoot token create phone</Command> makes a token for another device.
          </p>
        </div>
      </details>
    </main>
  );
}
