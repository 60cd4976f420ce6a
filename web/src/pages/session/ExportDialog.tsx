import { Download } from 'lucide-react';
import { useState } from 'react';
import { download } from '../../api/care.ts';
import { messageOf } from '../../api/client.ts';
import type { Session, Worker } from '../../api/wire.ts';
import { Button } from '../../ui/Button.tsx';
import { Choice } from '../../ui/Choice.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { Options } from '../../ui/Options.tsx';

type Format = 'asciicast' | 'text' | 'html' | 'json';

const FORMATS: { value: Format; name: string; means: string }[] = [
  { value: 'text', name: 'Text', means: 'The lines as the terminal showed them, without colours.' },
  { value: 'html', name: 'Web page', means: 'With colours, in one file that needs nothing else.' },
  {
    value: 'asciicast',
    name: 'Recording',
    means: 'asciicast v3: asciinema plays it as it happened.',
  },
  {
    value: 'json',
    name: 'Events as JSON',
    means: 'What happened to the session and all its tabs, without their output.',
  },
];

type Span = 'all' | '24h' | '1h';

const SPANS: { value: Span; label: string }[] = [
  { value: 'all', label: 'All' },
  { value: '24h', label: 'Last day' },
  { value: '1h', label: 'Last hour' },
];

interface ExportDialogProps {
  session: Session;
  /** The tab that is shown; without one, the server takes the session's first. */
  worker: Worker | undefined;
  onClose: () => void;
}

/** Saves what was recorded of a tab, or the history of the session, as a file. */
export function ExportDialog({ session, worker, onClose }: ExportDialogProps) {
  const [format, setFormat] = useState<Format>('text');
  const [span, setSpan] = useState<Span>('all');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);

  async function save() {
    setBusy(true);
    setFailure(null);
    const query = new URLSearchParams({ format });
    if (worker && format !== 'json') query.set('worker', worker.id);
    if (span !== 'all') query.set('from', span);
    try {
      await download(`/api/sessions/${session.id}/export?${query}`);
      onClose();
    } catch (err) {
      setFailure(messageOf(err));
      setBusy(false);
    }
  }

  return (
    <Dialog open onClose={onClose} title={worker ? `Export “${worker.name}”` : 'Export'}>
      <div className="flex flex-col gap-4">
        <Options label="Form" value={format} options={FORMATS} onChange={setFormat} />
        <Choice label="Of what time" value={span} options={SPANS} onChange={setSpan} />
        {failure && (
          <p role="alert" className="break-words text-failed">
            {failure}
          </p>
        )}
        <Button
          tone="primary"
          busy={busy}
          className="self-end"
          icon={<Download size={14} aria-hidden />}
          onClick={() => void save()}
        >
          Download
        </Button>
      </div>
    </Dialog>
  );
}
