import { CornerDownLeft } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { answer } from '../../api/prompts.ts';
import { change } from '../../api/queries.ts';
import type { Request, Session, Worker } from '../../api/wire.ts';
import { attempt } from '../../ui/toast.ts';

/** What can be pressed when nothing is known of the question but that there is one. */
const KEYS = [
  { shows: '1', types: '1' },
  { shows: '2', types: '2' },
  { shows: '3', types: '3' },
  { shows: 'Enter', types: '\r' },
  { shows: 'Esc', types: '\x1b' },
];

interface ReplyProps {
  session: Session;
  worker: Worker;
}

/** Answers an agent. No answer is preferred: the words of the question decide. */
export function Reply({ session, worker }: ReplyProps) {
  const [busy, setBusy] = useState(false);
  const { request } = worker;

  async function doing(what: () => Promise<unknown>): Promise<boolean> {
    setBusy(true);
    const done = await attempt('Could not answer', what);
    setBusy(false);
    return done;
  }

  const press = (types: string) =>
    void doing(() => change.type(session.id, worker.id, types, false));
  const say = (text: string) =>
    doing(() =>
      request
        ? answer(worker.id, request.id, { text })
        : change.type(session.id, worker.id, text, true),
    );
  const isKnown = request !== undefined && request.options.length > 0;
  return (
    <div className="relative z-10 flex flex-col gap-1.5">
      {request && <Subject request={request} />}
      <div className="flex flex-wrap gap-1.5">
        {isKnown
          ? request.options.map(({ id, label }) => (
              <Choice
                key={id}
                shows={label}
                label={`Answer: ${label}`}
                busy={busy}
                onPress={() => void doing(() => answer(worker.id, request.id, { option: id }))}
              />
            ))
          : KEYS.map(({ shows, types }) => (
              <Choice
                key={shows}
                shows={shows}
                label={`${shows}: type it`}
                busy={busy}
                onPress={() => press(types)}
              />
            ))}
        {(!isKnown || request.takesText) && <Words onSay={say} />}
      </div>
    </div>
  );
}

/** What exactly is asked about: the command or the file, as it is. */
function Subject({ request }: { request: Request }) {
  const subject = request.command ?? request.file;
  if (!subject) return null;
  return (
    <code className="block max-h-24 overflow-y-auto rounded-md bg-inset px-2 py-1 font-mono text-xs break-all whitespace-pre-wrap">
      {subject}
    </code>
  );
}

interface ChoiceProps {
  shows: string;
  label: string;
  busy: boolean;
  onPress: () => void;
}

function Choice({ shows, label, busy, onPress }: ChoiceProps) {
  return (
    <button
      type="button"
      disabled={busy}
      aria-label={label}
      title={shows}
      onClick={onPress}
      className="h-7 max-w-full min-w-7 truncate rounded-md border border-line-strong bg-raised px-2 text-sm hover:bg-hover disabled:opacity-60 coarse:h-10 coarse:min-w-10"
    >
      {shows}
    </button>
  );
}

function Words({ onSay }: { onSay: (text: string) => Promise<boolean> }) {
  const [text, setText] = useState('');
  async function send(event: FormEvent) {
    event.preventDefault();
    if (text.trim() && (await onSay(text))) setText('');
  }
  return (
    <form onSubmit={send} className="relative flex min-w-32 flex-1 items-center">
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
    </form>
  );
}
