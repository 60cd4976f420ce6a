import { ChevronDown, Folder, GitBranch } from 'lucide-react';
import { useState } from 'react';
import { messageOf } from '../../api/client.ts';
import { useBranches, useConfig } from '../../api/queries.ts';
import type { Branches } from '../../api/wire.ts';
import { cx } from '../../lib/cx.ts';
import { expand } from '../../lib/path.ts';
import { Button } from '../../ui/Button.tsx';
import { Choice } from '../../ui/Choice.tsx';
import { Field } from '../../ui/Field.tsx';
import { Popover } from '../../ui/Popover.tsx';
import { Suggest, type Suggestion } from '../../ui/Suggest.tsx';
import { type Draft, edit, type PlaceKind, useDraft } from './draft.ts';

const KINDS: { value: PlaceKind; label: string }[] = [
  { value: 'new-branch', label: 'New branch' },
  { value: 'existing-branch', label: 'Branch' },
  { value: 'directory', label: 'Directory' },
];

const EXPLAINED: Record<PlaceKind, string> = {
  'new-branch': 'A fresh worktree on a new branch. Your own checkout is not touched.',
  'existing-branch': 'A fresh worktree on a branch that exists and is not checked out elsewhere.',
  directory: 'No worktree: it works in the directory itself, beside you.',
};

function summary(draft: Draft): string {
  switch (draft.place) {
    case 'new-branch':
      return (draft.newBranch || 'new branch') + (draft.base ? ` from ${draft.base}` : '');
    case 'existing-branch':
      return draft.existingBranch || 'choose a branch';
    case 'directory':
      return 'the directory itself';
  }
}

function suggestions(branches: Branches | undefined, withRemote: boolean): Suggestion[] {
  if (!branches) return [];
  const icon = <GitBranch size={13} aria-hidden />;
  const local = branches.local.map((value) => ({
    value,
    icon,
    ...(value === branches.defaultBranch ? { note: 'default' } : {}),
  }));
  const remote = withRemote
    ? branches.remote.map((value) => ({ value, icon, note: 'remote' }))
    : [];
  return [...local, ...remote];
}

/** Where the work happens: a worktree on a new or existing branch, or the directory. */
export function PlacePicker({ isAtFault }: { isAtFault: boolean }) {
  const draft = useDraft();
  const home = useConfig().data?.homeDir;
  const [isOpen, setOpen] = useState(false);
  const path = expand(draft.path, home);
  const branches = useBranches(path, isOpen && draft.place !== 'directory');
  const trouble = branches.isError ? messageOf(branches.error) : null;
  const Icon = draft.place === 'directory' ? Folder : GitBranch;
  return (
    <Popover
      label="Where to work"
      open={isOpen}
      onOpenChange={setOpen}
      className="flex w-[min(360px,calc(100vw-24px))] flex-col gap-3"
      trigger={
        <Button
          aria-label={`Where to work: ${summary(draft)}`}
          className={cx('max-w-72 min-w-0 !shrink font-normal', isAtFault && 'border-failed')}
          icon={<Icon size={14} aria-hidden className="shrink-0 text-ink-3" />}
        >
          <span className="min-w-0 truncate font-mono text-sm">{summary(draft)}</span>
          <ChevronDown size={13} aria-hidden className="shrink-0 text-ink-3" />
        </Button>
      }
    >
      <Choice
        label="Where to work"
        hideLabel
        value={draft.place}
        options={KINDS}
        onChange={(place) => edit({ place })}
      />
      <p className="text-sm text-ink-2">{EXPLAINED[draft.place]}</p>
      {draft.place === 'new-branch' && (
        <>
          <Suggest
            label="Starts from"
            filter
            placeholder={branches.data?.defaultBranch ?? 'the default branch'}
            value={draft.base}
            onChange={(base) => edit({ base })}
            items={suggestions(branches.data, true)}
          />
          <Field
            label="Name of the branch"
            mono
            placeholder="made from the prompt"
            value={draft.newBranch}
            onChange={(event) => edit({ newBranch: event.target.value })}
          />
        </>
      )}
      {draft.place === 'existing-branch' && (
        <Suggest
          label="Branch"
          filter
          placeholder="feature/login"
          value={draft.existingBranch}
          onChange={(existingBranch) => edit({ existingBranch })}
          items={suggestions(branches.data, true)}
        />
      )}
      {draft.place !== 'directory' && (trouble || !path) && (
        <p className="text-sm text-ink-3">
          {path ? trouble : 'Choose a repository to see its branches.'}
        </p>
      )}
    </Popover>
  );
}
