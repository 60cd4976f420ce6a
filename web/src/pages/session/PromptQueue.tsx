import { Pencil, RotateCw, SendHorizontal, TriangleAlert, X } from 'lucide-react';
import { type FormEvent, type KeyboardEvent, useState } from 'react';
import { changePrompt, usePrompts } from '../../api/prompts.ts';
import type { Prompt, Worker } from '../../api/wire.ts';
import { cx } from '../../lib/cx.ts';
import { ofInterest, stateWords } from '../../lib/prompt.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { attempt } from '../../ui/toast.ts';

interface PromptQueueProps {
  worker: Worker;
  /** Whether a prompt is being written. */
  isWriting: boolean;
  onClose: () => void;
}

/** What waits to be typed for an agent, above the place where the next prompt is written. */
export function PromptQueue({ worker, isWriting, onClose }: PromptQueueProps) {
  const prompts = ofInterest(usePrompts(worker.id).data ?? []);
  if (prompts.length === 0 && !isWriting) return null;
  return (
    <section
      aria-label={`Prompts for ${worker.name}`}
      className="flex max-h-64 shrink-0 flex-col gap-1.5 overflow-y-auto border-t border-line bg-surface p-2"
    >
      <ul className="flex flex-col gap-1">
        {prompts.map((prompt) => (
          <Queued key={prompt.id} prompt={prompt} />
        ))}
      </ul>
      {isWriting && (
        <Editor
          label={`Prompt for ${worker.name}`}
          text=""
          verb="Queue"
          onClose={onClose}
          onDone={(text) =>
            attempt('Could not queue the prompt', () => changePrompt.queue(worker.id, text))
          }
        />
      )}
    </section>
  );
}

function Queued({ prompt }: { prompt: Prompt }) {
  const [isEditing, setEditing] = useState(false);
  const waits = prompt.state === 'queued';
  const failed = prompt.state === 'failed';
  const remove = () => changePrompt.remove(prompt.workerId, prompt.id);
  // What failed may have been typed: a new prompt takes its place.
  const change = (text: string) =>
    failed
      ? changePrompt.queue(prompt.workerId, text).then(remove)
      : changePrompt.edit(prompt.workerId, prompt.id, text);
  if (isEditing && (waits || failed)) {
    return (
      <li>
        <Editor
          label="Change the prompt"
          text={prompt.text}
          verb={failed ? 'Send again' : 'Change'}
          onClose={() => setEditing(false)}
          onDone={async (text) => {
            const done = await attempt('Could not change the prompt', () => change(text));
            if (done) setEditing(false);
            return done;
          }}
        />
      </li>
    );
  }
  return (
    <li className="flex flex-wrap items-center gap-x-2 rounded-md bg-inset py-0.5 pr-0.5 pl-2">
      {failed && <TriangleAlert size={13} aria-hidden className="shrink-0 text-failed" />}
      <span className="min-w-0 flex-1 truncate" title={prompt.text}>
        {prompt.text}
      </span>
      <span
        title={prompt.reason}
        className={cx(
          'min-w-0 truncate text-xs max-sm:order-last max-sm:w-full max-sm:whitespace-normal',
          failed ? 'text-failed' : 'text-ink-2',
        )}
      >
        {stateWords(prompt)}
      </span>
      {failed && (
        <IconButton
          label="Send the prompt again"
          onClick={() => void attempt('Could not send the prompt', () => change(prompt.text))}
        >
          <RotateCw size={13} aria-hidden />
        </IconButton>
      )}
      {(waits || failed) && (
        <>
          <IconButton label="Change the prompt" onClick={() => setEditing(true)}>
            <Pencil size={13} aria-hidden />
          </IconButton>
          <IconButton
            label="Remove the prompt"
            onClick={() => void attempt('Could not remove the prompt', remove)}
          >
            <X size={13} aria-hidden />
          </IconButton>
        </>
      )}
    </li>
  );
}

interface EditorProps {
  label: string;
  text: string;
  verb: string;
  onClose: () => void;
  /** Whether it was done; then the text is gone. */
  onDone: (text: string) => Promise<boolean>;
}

function Editor({ label, text: first, verb, onClose, onDone }: EditorProps) {
  const [text, setText] = useState(first);
  const [busy, setBusy] = useState(false);

  async function submit(event?: FormEvent) {
    event?.preventDefault();
    if (busy || text.trim() === '') return;
    setBusy(true);
    if (await onDone(text)) setText('');
    setBusy(false);
  }

  function onKey(event: KeyboardEvent) {
    if (event.key === 'Escape') onClose();
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      void submit();
    }
  }

  return (
    <form onSubmit={submit} className="flex items-end gap-1.5">
      <textarea
        // biome-ignore lint/a11y/noAutofocus: it was opened to be written in
        autoFocus
        aria-label={label}
        placeholder={`${label}…`}
        rows={Math.min(6, text.split('\n').length)}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={onKey}
        className="min-w-0 flex-1 resize-none rounded-md border border-line-strong bg-canvas px-2.5 py-1 placeholder:text-ink-3 coarse:text-[16px]"
      />
      <Button type="submit" busy={busy} icon={<SendHorizontal size={13} aria-hidden />}>
        {verb}
      </Button>
      <IconButton label="Close" onClick={onClose}>
        <X size={13} aria-hidden />
      </IconButton>
    </form>
  );
}
