/** What is being written in the composer. Kept while the tab lives; choices outlive it. */
import { create } from 'zustand';
import type { Place, Run, StartSession } from '../../api/wire.ts';
import { remember, remembered } from '../../lib/memory.ts';
import { isCloneUrl } from '../../lib/path.ts';

export type PlaceKind = Place['kind'];

export interface Draft {
  path: string;
  place: PlaceKind;
  /** Name of the new branch; empty lets the server make one from the prompt. */
  newBranch: string;
  /** Where the new branch starts; empty is the default branch. */
  base: string;
  existingBranch: string;
  run: Run['kind'];
  agentId: string;
  command: string;
  prompt: string;
}

type Kept = Pick<Draft, 'path' | 'place' | 'base' | 'run' | 'agentId' | 'command'>;

const FRESH: Draft = {
  path: '',
  place: 'new-branch',
  newBranch: '',
  base: '',
  existingBranch: '',
  run: 'agent',
  agentId: '',
  command: '',
  prompt: '',
};

export const useDraft = create<Draft>(() => ({
  ...FRESH,
  ...remembered<Partial<Kept>>('composer', {}),
}));

export function edit(change: Partial<Draft>): void {
  useDraft.setState(change);
}

/** Branches belong to a repository: another path forgets them. */
export function editPath(path: string): void {
  edit({ path, base: '', existingBranch: '' });
}

/** The draft as a request. `path` is absolute. */
export function request(draft: Draft, path: string): StartSession {
  const prompt = draft.prompt.trim();
  return {
    path,
    place: place(draft),
    run: run(draft),
    ...(prompt && draft.run !== 'shell' ? { prompt } : {}),
  };
}

function place({ place, newBranch, base, existingBranch }: Draft): Place {
  switch (place) {
    case 'new-branch':
      return {
        kind: place,
        ...(newBranch.trim() ? { branch: newBranch.trim() } : {}),
        ...(base.trim() ? { base: base.trim() } : {}),
      };
    case 'existing-branch':
      return { kind: place, branch: existingBranch.trim() };
    case 'directory':
      return { kind: place };
  }
}

function run({ run, agentId, command }: Draft): Run {
  switch (run) {
    case 'agent':
      return agentId ? { kind: run, agentId } : { kind: run };
    case 'command':
      return { kind: run, command: command.trim() };
    case 'shell':
      return { kind: run };
  }
}

/** Remembers the choices of a start that worked, and empties the rest. */
export function started(draft: Draft): void {
  const { path, place, base, run, agentId, command } = draft;
  const kept: Kept = {
    path,
    place: place === 'existing-branch' ? 'new-branch' : place,
    base,
    run,
    agentId,
    command,
  };
  remember('composer', kept);
  edit({ ...FRESH, ...kept });
}

export type Fault = 'path' | 'branch' | 'command' | 'form';

/** What is missing, before the server is asked. */
export function missing(draft: Draft): { fault: Fault; message: string } | null {
  if (!draft.path.trim()) return { fault: 'path', message: 'Choose a repository or a directory.' };
  if (isCloneUrl(draft.path)) {
    return { fault: 'path', message: 'Clone this address first, with the button beside it.' };
  }
  if (draft.place === 'existing-branch' && !draft.existingBranch.trim()) {
    return { fault: 'branch', message: 'Choose the branch to work on.' };
  }
  if (draft.run === 'command' && !draft.command.trim()) {
    return { fault: 'command', message: 'Write the command to run.' };
  }
  return null;
}

/** Which part of the form a refusal of the server is about. */
export function faultOf(code: string, field: string | undefined): Fault {
  if (field === 'path' || /^(path-|not-a-repository)/.test(code)) return 'path';
  if (field?.startsWith('place') || /branch/.test(code)) return 'branch';
  return field?.startsWith('run') ? 'command' : 'form';
}
