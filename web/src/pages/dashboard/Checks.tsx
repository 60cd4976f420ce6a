import { CircleCheck, CircleDashed, CircleX, RotateCw } from 'lucide-react';
import { messageOf } from '../../api/client.ts';
import { useChecks } from '../../api/queries.ts';
import type { Check } from '../../api/wire.ts';
import { IconButton } from '../../ui/Button.tsx';

/** What a first visit needs to know: is everything here that agents need? */
export function Checks() {
  const checks = useChecks(true);
  return (
    <section
      aria-label="This machine"
      className="mx-auto w-full max-w-[860px] rounded-lg border border-line bg-surface"
    >
      <header className="flex items-center justify-between border-b border-line py-1.5 pr-1.5 pl-3">
        <h2 className="font-medium">This machine</h2>
        <IconButton label="Check again" onClick={() => void checks.refetch()}>
          <RotateCw size={14} aria-hidden />
        </IconButton>
      </header>
      {checks.isError && <p className="p-3 text-failed">{messageOf(checks.error)}</p>}
      <ul className="divide-y divide-line">
        {checks.data?.map((check) => (
          <li
            key={check.id}
            className="grid grid-cols-[auto_minmax(0,1fr)] items-baseline gap-x-2.5 px-3 py-2 sm:grid-cols-[auto_140px_minmax(0,1fr)]"
          >
            <CheckIcon check={check} />
            <span className="font-medium">
              {check.name}
              <span className="sr-only">{check.ok ? ' found' : ' not found'}</span>
            </span>
            <span className="break-words text-ink-2 max-sm:col-start-2">{check.detail}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** An agent that is not there is a choice; anything else that is missing is a fault. */
function CheckIcon({ check }: { check: Check }) {
  if (check.ok) return <CircleCheck size={15} aria-hidden className="self-center text-done" />;
  const isChoice = check.id.startsWith('agent:');
  const Icon = isChoice ? CircleDashed : CircleX;
  return (
    <Icon
      size={15}
      aria-hidden
      className={isChoice ? 'self-center text-ink-3' : 'self-center text-failed'}
    />
  );
}
