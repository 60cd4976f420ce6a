import { CornerDownLeft } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { change } from '../../api/queries.ts';
import type { Session } from '../../api/wire.ts';
import { attempt } from '../../ui/toast.ts';

const KEYS = [
  { shows: '1', types: '1' },
  { shows: '2', types: '2' },
  { shows: '3', types: '3' },
  { shows: 'Enter', types: '\r' },
  { shows: 'Esc', types: '\x1b' },
];

interface ReplyProps {
  session: Session;
  workerId: string;
}

/** Answers an agent from its card. No answer is preferred: the words of the question decide. */
export function Reply({ session, workerId }: ReplyProps) {
  const [text, setText] = useState('');
  const [busy, setBusy] = useState(false);

  async function type(answer: string, submit: boolean): Promise<boolean> {
    setBusy(true);
    const done = await attempt('Could not answer', () =>
      change.type(session.id, workerId, answer, submit),
    );
    setBusy(false);
    return done;
  }

  async function send(event: FormEvent) {
    event.preventDefault();
    if (text.trim() && (await type(text, true))) setText('');
  }

  return (
    <form onSubmit={send} className="relative z-10 flex flex-wrap gap-1.5">
      {KEYS.map(({ shows, types }) => (
        <button
          key={shows}
          type="button"
          disabled={busy}
          aria-label={`${shows}: type it`}
          onClick={() => void type(types, false)}
          className="h-7 min-w-7 rounded-md border border-line-strong bg-raised px-2 font-mono text-sm hover:bg-hover disabled:opacity-60 coarse:h-10 coarse:min-w-10"
        >
          {shows}
        </button>
      ))}
      <span className="relative flex min-w-32 flex-1 items-center">
        <input
          aria-label="Answer in words"
          placeholder="Answer…"
          value={text}
          onChange={(event) => setText(event.target.value)}
          className="h-7 w-full min-w-0 rounded-md border border-line-strong bg-canvas pr-7 pl-2.5 placeholder:text-ink-3 coarse:h-10 coarse:text-[16px]"
        />
        <CornerDownLeft
          size={13}
          aria-hidden
          className="pointer-events-none absolute right-2 text-ink-3"
        />
      </span>
    </form>
  );
}
