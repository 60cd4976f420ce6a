import { ChevronDown, ChevronRight, FolderGit2 } from 'lucide-react';
import { useId, useState } from 'react';
import { useApp } from '../../api/app-store.ts';
import { care, useSettings } from '../../api/care.ts';
import { useConfig } from '../../api/queries.ts';
import type { Repository } from '../../api/wire.ts';
import { policyWords } from '../../lib/idle.ts';
import { shorten } from '../../lib/path.ts';
import { Button } from '../../ui/Button.tsx';
import { Question } from '../../ui/Dialog.tsx';
import { attempt } from '../../ui/toast.ts';
import { IdleEditor } from './IdleEditor.tsx';
import { RepositoryForm } from './RepositoryForm.tsx';
import { Section } from './Section.tsx';
import { Slack } from './Slack.tsx';
import { Trash } from './Trash.tsx';

/** The registered repositories: how their worktrees are set up, their idle rule and their trash. */
export function Repositories() {
  const repositories = useApp((app) => app.repositories);
  const sorted = repositories.toSorted((a, b) => a.name.localeCompare(b.name));
  return (
    <Section
      name="Repositories"
      about="What is done in new worktrees, what becomes of idle sessions, and what was kept of discarded work."
    >
      {sorted.length === 0 && (
        <p className="rounded-lg border border-dashed border-line px-3 py-4 text-ink-3">
          There are no repositories yet. Starting an agent in one registers it.
        </p>
      )}
      <ul className="flex flex-col gap-2">
        {sorted.map((repository) => (
          <Item key={repository.id} repository={repository} isOnly={sorted.length === 1} />
        ))}
      </ul>
    </Section>
  );
}

function Item({ repository, isOnly }: { repository: Repository; isOnly: boolean }) {
  const home = useConfig().data?.homeDir;
  const [isOpen, setOpen] = useState(isOnly);
  const id = useId();
  const Chevron = isOpen ? ChevronDown : ChevronRight;
  return (
    <li className="rounded-lg border border-line bg-surface">
      <h3>
        <button
          type="button"
          aria-expanded={isOpen}
          aria-controls={id}
          onClick={() => setOpen(!isOpen)}
          className="flex w-full min-w-0 items-center gap-2.5 rounded-lg px-3 py-2.5 text-left hover:bg-hover"
        >
          <Chevron size={15} aria-hidden className="shrink-0 text-ink-3" />
          <FolderGit2 size={15} aria-hidden className="shrink-0 text-accent" />
          <span className="shrink-0 font-medium">{repository.name}</span>
          <span className="min-w-0 truncate font-mono text-sm text-ink-2">
            {shorten(repository.path, home)}
          </span>
        </button>
      </h3>
      {isOpen && (
        <div id={id} className="divide-y divide-line border-t border-line">
          <div className="p-4">
            <RepositoryForm
              key={`${repository.setupCommand}\n${repository.envVars}`}
              repository={repository}
            />
          </div>
          <div className="p-4">
            <Idle repository={repository} />
          </div>
          <div className="p-4">
            <Slack repository={repository} />
          </div>
          <Trash repository={repository} />
          <Forget repository={repository} />
        </div>
      )}
    </li>
  );
}

function Idle({ repository }: { repository: Repository }) {
  const server = useSettings().data?.idle;
  return (
    <IdleEditor
      key={JSON.stringify(repository.idle)}
      policy={repository.idle}
      inherited={`As the server's rule says${server ? `: ${policyWords(server)}` : ''}.`}
      save={(idle) => care.repositoryIdle(repository.id, idle)}
    />
  );
}

function Forget({ repository }: { repository: Repository }) {
  const [isAsking, setAsking] = useState(false);
  async function forget() {
    setAsking(false);
    await attempt('Could not remove the repository', () => care.forgetRepository(repository.id));
  }
  return (
    <div className="flex items-center justify-between gap-3 p-4">
      <p className="text-ink-2">Its files stay; it is only listed no more.</p>
      <Button tone="danger" onClick={() => setAsking(true)}>
        Remove from the list
      </Button>
      <Question
        open={isAsking}
        onClose={() => setAsking(false)}
        title={`Remove “${repository.name}” from the list?`}
        actions={
          <>
            <Button onClick={() => setAsking(false)}>Cancel</Button>
            <Button tone="danger" onClick={() => void forget()}>
              Remove from the list
            </Button>
          </>
        }
      >
        <p>
          The directory, its branches and its worktrees are not touched. Setup command, environment
          and idle rule are forgotten.
        </p>
      </Question>
    </div>
  );
}
