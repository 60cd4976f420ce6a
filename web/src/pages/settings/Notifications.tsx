import { Plus, Trash2, Webhook as WebhookIcon } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { useApp } from '../../api/app-store.ts';
import { messageOf } from '../../api/client.ts';
import { notify, useNotificationStatus, useWebhooks } from '../../api/notifications.ts';
import type { CreatedWebhook, Webhook, WebhookEvent } from '../../api/wire.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { Question } from '../../ui/Dialog.tsx';
import { Field } from '../../ui/Field.tsx';
import { attempt, toast } from '../../ui/toast.ts';
import { Secret } from './Secret.tsx';
import { Section } from './Section.tsx';
import { Switch } from './Switch.tsx';

const EVENTS: { event: WebhookEvent; name: string }[] = [
  { event: 'worker.waiting', name: 'asks' },
  { event: 'worker.finished', name: 'finishes' },
  { event: 'worker.exited', name: 'ends' },
  { event: 'worker.errored', name: 'fails' },
  { event: 'prompt.failed', name: 'does not get a prompt' },
];

/** Who is told outside. */
export function Notifications() {
  const status = useNotificationStatus().data;
  return (
    <>
      <Section
        name="Webhooks"
        about="Addresses that get a signed request when an agent asks, finishes, ends or fails. Slack is set up with each repository."
      >
        <Webhooks />
      </Section>
      {status && !status.isBaseUrlConfigured && (
        <p className="text-ink-2">
          Notifications carry no link to the session: this server does not know its own address. It
          is set with <code className="font-mono text-sm">app_url</code> in its configuration.
        </p>
      )}
    </>
  );
}

function Webhooks() {
  const webhooks = useWebhooks();
  const [created, setCreated] = useState<CreatedWebhook | null>(null);
  const [deleting, setDeleting] = useState<Webhook | null>(null);

  async function remove(webhook: Webhook) {
    setDeleting(null);
    if (created?.webhook.id === webhook.id) setCreated(null);
    await attempt('Could not delete the webhook', () => notify.deleteWebhook(webhook.id));
  }

  return (
    <div className="rounded-lg border border-line bg-surface">
      <AddWebhook onCreated={setCreated} />
      {created && <Secret name={`Secret of ${created.webhook.url}`} secret={created.secret} />}
      {webhooks.isError && <p className="p-3 text-failed">{messageOf(webhooks.error)}</p>}
      {webhooks.data?.length === 0 && <p className="p-3 text-ink-3">There are no webhooks.</p>}
      <ul className="divide-y divide-line">
        {webhooks.data?.map((webhook) => (
          <Row key={webhook.id} webhook={webhook} onDelete={() => setDeleting(webhook)} />
        ))}
      </ul>
      <Question
        open={deleting !== null}
        onClose={() => setDeleting(null)}
        title="Delete the webhook?"
        actions={
          <>
            <Button onClick={() => setDeleting(null)}>Cancel</Button>
            <Button tone="danger" onClick={() => deleting && void remove(deleting)}>
              Delete
            </Button>
          </>
        }
      >
        <p className="font-mono text-sm break-all text-ink">{deleting?.url}</p>
        <p>It is told nothing more, and its secret is forgotten.</p>
      </Question>
    </div>
  );
}

function AddWebhook({ onCreated }: { onCreated: (created: CreatedWebhook) => void }) {
  const [url, setUrl] = useState('');
  const [events, setEvents] = useState<WebhookEvent[]>(EVENTS.map(({ event }) => event));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);

  async function create(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      onCreated(await notify.createWebhook(url.trim(), events));
      setUrl('');
    } catch (err) {
      setError(messageOf(err));
    } finally {
      setBusy(false);
    }
  }

  return (
    <form onSubmit={create} className="flex flex-col gap-3 border-b border-line p-3">
      <Field
        label="Address"
        mono
        type="url"
        placeholder="https://example.org/hook"
        value={url}
        error={error}
        onChange={(event) => setUrl(event.target.value)}
      />
      <fieldset className="flex flex-wrap items-center gap-x-5 gap-y-2">
        <legend className="mb-1.5 text-sm font-medium text-ink-2">Tell it when an agent</legend>
        {EVENTS.map(({ event, name }) => (
          <Switch
            key={event}
            name={name}
            checked={events.includes(event)}
            onChange={(isOn) =>
              setEvents(isOn ? [...events, event] : events.filter((other) => other !== event))
            }
          />
        ))}
      </fieldset>
      <Button
        type="submit"
        busy={busy}
        disabled={!url.trim() || events.length === 0}
        className="self-end"
        icon={<Plus size={14} aria-hidden />}
      >
        Add the webhook
      </Button>
    </form>
  );
}

function Row({ webhook, onDelete }: { webhook: Webhook; onDelete: () => void }) {
  const repository = useApp((app) =>
    app.repositories.find((one) => one.id === webhook.repositoryId),
  );
  const told = EVENTS.filter(({ event }) => webhook.events.includes(event));
  async function test() {
    const done = await attempt('The test did not arrive', () => notify.testWebhook(webhook.id));
    if (done) toast('The test arrived');
  }
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-2 px-3 py-2">
      <WebhookIcon size={14} aria-hidden className="shrink-0 text-ink-3" />
      <div className="min-w-0 flex-1 basis-60">
        <p className="font-mono text-sm break-all">{webhook.url}</p>
        <p className="text-sm text-ink-2">
          When an agent {repository && `of ${repository.name} `}
          {told.map(({ name }) => name).join(', ')}
        </p>
      </div>
      <Switch
        name="On"
        checked={webhook.enabled}
        onChange={(enabled) =>
          void attempt('Could not change the webhook', () =>
            notify.enableWebhook(webhook.id, enabled),
          )
        }
      />
      <Button aria-label={`Test ${webhook.url}`} onClick={() => void test()}>
        Test
      </Button>
      <IconButton label={`Delete ${webhook.url}`} onClick={onDelete}>
        <Trash2 size={14} aria-hidden />
      </IconButton>
    </li>
  );
}
