import { type FormEvent, useState } from 'react';
import { messageOf } from '../../api/client.ts';
import { notify, useSlack } from '../../api/notifications.ts';
import type { Repository, SlackIntegration } from '../../api/wire.ts';
import { Button } from '../../ui/Button.tsx';
import { Field } from '../../ui/Field.tsx';
import { attempt, toast } from '../../ui/toast.ts';
import { Switch } from './Switch.tsx';

/** Where Slack is told of the agents of a repository. */
export function Slack({ repository }: { repository: Repository }) {
  const slack = useSlack(repository.id);
  if (slack.isError) return <p className="text-failed">{messageOf(slack.error)}</p>;
  if (slack.data === undefined) return null;
  return <Form key={slack.data?.updatedAt} repository={repository} slack={slack.data} />;
}

function Form({ repository, slack }: { repository: Repository; slack: SlackIntegration | null }) {
  const [url, setUrl] = useState(slack?.webhookUrl ?? '');
  const [enabled, setEnabled] = useState(slack?.enabled ?? true);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const isChanged =
    url.trim() !== (slack?.webhookUrl ?? '') || (slack && enabled !== slack.enabled);

  async function submit(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      if (url.trim()) await notify.putSlack(repository.id, url.trim(), enabled);
      else await notify.deleteSlack(repository.id);
      toast('Saved');
    } catch (err) {
      setError(messageOf(err));
    } finally {
      setBusy(false);
    }
  }

  async function test() {
    const done = await attempt('The test did not arrive', () => notify.testSlack(repository.id));
    if (done) toast('The test arrived');
  }

  return (
    <form onSubmit={submit} className="flex flex-col gap-3">
      <Field
        label="Slack"
        mono
        placeholder="https://hooks.slack.com/services/…"
        hint="An incoming webhook; it is told when agents wait, finish or fail. Empty removes it."
        error={error}
        value={url}
        onChange={(event) => setUrl(event.target.value)}
      />
      <div className="flex flex-wrap items-center justify-end gap-2">
        {slack && (
          <>
            <span className="mr-auto">
              <Switch name="On" checked={enabled} onChange={setEnabled} />
            </span>
            <Button onClick={() => void test()}>Test</Button>
          </>
        )}
        <Button type="submit" busy={busy} disabled={!isChanged} aria-label="Save Slack">
          Save
        </Button>
      </div>
    </form>
  );
}
