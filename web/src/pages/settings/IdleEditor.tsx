import { type FormEvent, useState } from 'react';
import { messageOf } from '../../api/client.ts';
import type { IdlePolicy } from '../../api/wire.ts';
import { type IdleAction, parseTime, timeWords } from '../../lib/idle.ts';
import { Button } from '../../ui/Button.tsx';
import { Choice } from '../../ui/Choice.tsx';
import { Field } from '../../ui/Field.tsx';
import { toast } from '../../ui/toast.ts';

type Kind = IdleAction | 'inherit';

const MEANS: Record<IdleAction, string> = {
  off: 'They stay, however long they rest.',
  pause:
    'The session is paused when none of its tabs had anything to do for so long. Directory, branch and output are kept.',
  stop: 'Each tab is stopped that had nothing to do for so long. Its output is kept.',
};

interface IdleEditorProps {
  /** The rule that stands here. */
  policy: IdlePolicy | undefined;
  /** What holds when none stands here; absent where nothing is above. */
  inherited?: string;
  save: (policy: IdlePolicy | null) => Promise<unknown>;
  onSaved?: () => void;
}

/** Edits a rule for what has nothing to do. */
export function IdleEditor({ policy, inherited, save, onSaved }: IdleEditorProps) {
  const before: Kind = policy?.action ?? (inherited === undefined ? 'off' : 'inherit');
  const timeBefore = policy && policy.action !== 'off' ? timeWords(policy.afterSeconds) : '30 min';
  const [kind, setKind] = useState<Kind>(before);
  const [time, setTime] = useState(timeBefore);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const isTimed = kind === 'pause' || kind === 'stop';
  const isChanged = kind !== before || (isTimed && time !== timeBefore);

  async function submit(event: FormEvent) {
    event.preventDefault();
    const afterSeconds = parseTime(time);
    if (isTimed && afterSeconds === null) {
      setError('Write a time such as 30 min, 2 h or 1 d.');
      return;
    }
    setBusy(true);
    setError(null);
    try {
      await save(ruleOf(kind, afterSeconds ?? 0));
      toast('Saved');
      onSaved?.();
    } catch (err) {
      setError(messageOf(err));
    } finally {
      setBusy(false);
    }
  }

  return (
    <form onSubmit={submit} className="flex flex-col gap-3">
      <Choice
        label="When there is nothing to do"
        value={kind}
        options={[
          ...(inherited === undefined ? [] : [{ value: 'inherit' as const, label: 'Default' }]),
          { value: 'off', label: 'Keep' },
          { value: 'pause', label: 'Pause' },
          { value: 'stop', label: 'Stop' },
        ]}
        onChange={setKind}
      />
      <p className="text-sm text-ink-2">{kind === 'inherit' ? inherited : MEANS[kind]}</p>
      {isTimed && (
        <>
          <Field
            label="After"
            value={time}
            error={error}
            onChange={(event) => setTime(event.target.value)}
          />
          <p className="text-sm text-ink-3">
            Never while an agent works or asks, a shell runs a program, or somebody looks at it.
            There is a warning before, and opening it starts it again.
          </p>
        </>
      )}
      {!isTimed && error && (
        <p role="alert" className="text-failed">
          {error}
        </p>
      )}
      <Button type="submit" busy={busy} disabled={!isChanged} className="self-end">
        Save the rule
      </Button>
    </form>
  );
}

function ruleOf(kind: Kind, afterSeconds: number): IdlePolicy | null {
  switch (kind) {
    case 'inherit':
      return null;
    case 'off':
      return { action: 'off' };
    default:
      return { action: kind, afterSeconds };
  }
}
