import { lazyRouteComponent, useNavigate } from '@tanstack/react-router';
import { CircleX, Play } from 'lucide-react';
import { type FormEvent, type KeyboardEvent, Suspense, useState } from 'react';
import { learn, useApp } from '../../api/app-store.ts';
import { Failure, messageOf } from '../../api/client.ts';
import { change, useConfig } from '../../api/queries.ts';
import { cx } from '../../lib/cx.ts';
import { expand } from '../../lib/path.ts';
import { Button } from '../../ui/Button.tsx';
import { Field } from '../../ui/Field.tsx';
import { Kbd } from '../../ui/Kbd.tsx';
import { edit, type Fault, faultOf, missing, request, started, useDraft } from './draft.ts';
import { PROMPT_ID } from './focus.ts';
import { PathField } from './PathField.tsx';
import { PlacePicker } from './PlacePicker.tsx';
import { RunPicker } from './RunPicker.tsx';

const CloneDialog = lazyRouteComponent(() => import('./CloneDialog.tsx'), 'CloneDialog');

interface Problem {
  fault: Fault;
  message: string;
}

/** The composer, and beside it the clone of a repository that is not here yet. */
export function Composer() {
  const [cloning, setCloning] = useState<string | null>(null);
  return (
    <>
      <Form onClone={setCloning} />
      {/* Outside of the form: what is sent in the dialog would reach the form as well. */}
      <Suspense>
        {cloning !== null && <CloneDialog url={cloning} onClose={() => setCloning(null)} />}
      </Suspense>
    </>
  );
}

/** Starts an agent, a command or a shell: where, what, and with which words. */
function Form({ onClone }: { onClone: (url: string) => void }) {
  const draft = useDraft();
  const home = useConfig().data?.homeDir;
  const isConnected = useApp((app) => app.isConnected);
  const navigate = useNavigate();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const about = (fault: Fault) => (problem?.fault === fault ? problem.message : null);

  async function start() {
    if (busy) return;
    const lack = missing(draft);
    setProblem(lack);
    if (lack) return;
    setBusy(true);
    try {
      const session = await change.start(request(draft, expand(draft.path, home)));
      started(draft);
      learn({ type: 'session-created', session });
      await navigate({ to: '/sessions/$sid', params: { sid: session.id } });
    } catch (err) {
      const fault = err instanceof Failure ? faultOf(err.code, err.problem.field) : 'form';
      setProblem({ fault, message: messageOf(err) });
    } finally {
      setBusy(false);
    }
  }

  function submit(event: FormEvent) {
    event.preventDefault();
    void start();
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      void start();
    }
  }

  const isShell = draft.run === 'shell';
  return (
    <form
      onSubmit={submit}
      onKeyDown={onKeyDown}
      aria-label="Start an agent"
      className="rounded-lg border border-line-strong bg-surface has-[textarea:focus]:border-accent"
    >
      <div className="grid items-start gap-2 border-b border-line p-2 md:grid-cols-[minmax(0,1fr)_auto_auto]">
        <PathField error={about('path')} onClone={onClone} />
        <div className="flex min-w-0 flex-wrap gap-2 md:contents">
          <PlacePicker isAtFault={problem?.fault === 'branch'} />
          <RunPicker />
        </div>
      </div>
      {draft.run === 'command' && (
        <div className="border-b border-line p-2">
          <Field
            label="Command line"
            mono
            placeholder="my-agent --ask {{prompt}}"
            hint="{{prompt}} and {{cwd}} are put in as one argument each."
            error={about('command')}
            value={draft.command}
            onChange={(event) => edit({ command: event.target.value })}
          />
        </div>
      )}
      {!isShell && (
        <>
          <label htmlFor={PROMPT_ID} className="sr-only">
            Prompt
          </label>
          <textarea
            id={PROMPT_ID}
            rows={3}
            value={draft.prompt}
            onChange={(event) => edit({ prompt: event.target.value })}
            placeholder="What should the agent do?"
            className="field-sizing-content block max-h-[40vh] min-h-[84px] w-full resize-none bg-transparent px-3 py-2.5 text-md outline-none coarse:text-[16px]"
          />
        </>
      )}
      {(problem?.fault === 'form' || problem?.fault === 'branch') && (
        <div role="alert" className="flex gap-2 px-3 pb-2 text-failed">
          <CircleX size={15} aria-hidden className="mt-0.5 shrink-0" />
          <pre className="min-w-0 flex-1 font-sans break-words whitespace-pre-wrap">
            {problem.message}
          </pre>
        </div>
      )}
      <div className={cx('flex items-center justify-end gap-3 p-2', isShell && 'pt-2')}>
        <span className="mr-auto pl-1 text-ink-3 max-sm:hidden">
          {isShell
            ? 'Your shell opens in the place chosen above.'
            : 'An empty prompt just opens it.'}
        </span>
        <span aria-hidden className="flex gap-1 max-sm:hidden">
          <Kbd>Ctrl</Kbd>
          <Kbd>Enter</Kbd>
        </span>
        <Button
          type="submit"
          tone="primary"
          busy={busy}
          disabled={!isConnected}
          icon={<Play size={13} aria-hidden />}
        >
          {isShell ? 'Open shell' : 'Start'}
        </Button>
      </div>
    </form>
  );
}
