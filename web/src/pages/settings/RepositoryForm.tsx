import { type FormEvent, useState } from 'react';
import { care } from '../../api/care.ts';
import { Failure, messageOf } from '../../api/client.ts';
import type { Repository } from '../../api/wire.ts';
import { Button } from '../../ui/Button.tsx';
import { Lines } from '../../ui/Field.tsx';
import { toast } from '../../ui/toast.ts';

/** What is run in a new worktree, and the environment of what runs there. */
export function RepositoryForm({ repository }: { repository: Repository }) {
  const [setupCommand, setSetupCommand] = useState(repository.setupCommand ?? '');
  const [envVars, setEnvVars] = useState(repository.envVars ?? '');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<{ field: string; message: string } | null>(null);
  const isChanged =
    setupCommand !== (repository.setupCommand ?? '') || envVars !== (repository.envVars ?? '');
  const about = (isField: boolean) => (failure && isField ? failure.message : null);

  async function submit(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      await care.editRepository(repository.id, {
        setupCommand: setupCommand.trim() || null,
        envVars: envVars.trim() ? envVars : null,
      });
      toast('Saved');
    } catch (err) {
      const field = err instanceof Failure ? (err.problem.field ?? '') : '';
      setFailure({ field, message: messageOf(err) });
    } finally {
      setBusy(false);
    }
  }

  return (
    <form onSubmit={submit} className="flex flex-col gap-3">
      <Lines
        label="Setup command"
        placeholder="npm ci"
        hint="Run by the shell in each new worktree. {{WORKTREE_PATH}}, {{BRANCH}} and {{REPO}} are put in."
        error={about(failure?.field !== 'envVars')}
        value={setupCommand}
        onChange={(event) => setSetupCommand(event.target.value)}
      />
      <Lines
        label="Environment variables"
        placeholder={'PORT=3000\nAPI_URL="http://localhost:3000"'}
        hint="One a line, for all agents and shells of this repository."
        rows={3}
        error={about(failure?.field === 'envVars')}
        value={envVars}
        onChange={(event) => setEnvVars(event.target.value)}
      />
      <Button type="submit" busy={busy} disabled={!isChanged} className="self-end">
        Save
      </Button>
    </form>
  );
}
