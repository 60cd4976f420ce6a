import { Coffee } from 'lucide-react';
import { care } from '../../api/care.ts';
import type { IdleWarning, Session } from '../../api/wire.ts';
import { warningWords } from '../../lib/idle.ts';
import { useNow } from '../../lib/time.ts';
import { Button } from '../../ui/Button.tsx';
import { attempt, toast } from '../../ui/toast.ts';

interface IdleWarnedProps {
  session: Session;
  warning: IdleWarning;
}

/** Says that a session is about to be ended by its rule, and lets it stay. */
export function IdleWarned({ session, warning }: IdleWarnedProps) {
  const now = useNow();
  async function keepAwake() {
    const done = await attempt('Could not keep it awake', () =>
      // Setting the rule that it has begins its time anew.
      care.sessionIdle(session.id, session.idle ?? null),
    );
    if (done) toast('It stays awake', 'Its idle time begins anew.');
  }
  return (
    <div
      role="status"
      className="relative flex flex-wrap items-center gap-x-3 gap-y-1 rounded-md border border-asks-line bg-asks-tint py-1 pr-1 pl-2.5"
    >
      <Coffee size={14} aria-hidden className="shrink-0 text-asks" />
      <span className="min-w-0 flex-1 tabular-nums" aria-live="off">
        <strong className="font-medium text-asks">{warningWords(warning, now)}</strong>, with
        nothing to do.
      </span>
      <Button onClick={() => void keepAwake()}>Keep awake</Button>
    </div>
  );
}
