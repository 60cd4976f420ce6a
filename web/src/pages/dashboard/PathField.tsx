import { CloudDownload, Folder, FolderGit2 } from 'lucide-react';
import { useApp } from '../../api/app-store.ts';
import { useConfig, usePaths } from '../../api/queries.ts';
import { isCloneUrl, shorten } from '../../lib/path.ts';
import { Button } from '../../ui/Button.tsx';
import { Suggest, type Suggestion } from '../../ui/Suggest.tsx';
import { editPath, useDraft } from './draft.ts';

interface PathFieldProps {
  error: string | null;
  /** Asks to clone from an address, which is empty when none was typed. */
  onClone: (url: string) => void;
}

/** The repository or directory: known repositories first, then what the disk offers. */
export function PathField({ error, onClone }: PathFieldProps) {
  const path = useDraft((draft) => draft.path);
  const repositories = useApp((app) => app.repositories);
  const home = useConfig().data?.homeDir;
  const { data: paths = [] } = usePaths(path);
  const isPath = path.startsWith('/') || path.startsWith('~');
  const known: Suggestion[] = repositories
    .map((repository) => ({
      value: shorten(repository.path, home),
      icon: <FolderGit2 size={14} aria-hidden />,
      note: 'registered',
    }))
    .filter(({ value }) => !isPath || (value.startsWith(path) && value !== path));
  const found: Suggestion[] = isPath
    ? paths.map((one) => ({
        value: shorten(one.path, path.startsWith('~') ? home : undefined),
        icon: one.isRepository ? (
          <FolderGit2 size={14} aria-hidden className="text-accent" />
        ) : (
          <Folder size={14} aria-hidden />
        ),
        goesOn: !one.isRepository,
        ...(one.isRepository ? { note: 'repository' } : {}),
      }))
    : [];
  // What is typed in full already needs no offer.
  const seen = new Set([path, ...known.map(({ value }) => value)]);
  const items = [...known, ...found.filter(({ value }) => !seen.has(value))];
  const isUrl = isCloneUrl(path);
  return (
    <div className="flex min-w-0 items-start gap-2">
      <Suggest
        label="Repository"
        hideLabel
        placeholder="Repository: ~/src/project"
        value={path}
        onChange={editPath}
        items={items}
        error={error}
        icon={<FolderGit2 size={14} aria-hidden />}
        inputClassName="!h-7 coarse:!h-10"
        className="flex-1"
      />
      <Button
        tone={isUrl ? 'primary' : 'plain'}
        aria-label="Clone from an address"
        title="Clone from an address"
        icon={<CloudDownload size={14} aria-hidden />}
        onClick={() => onClone(isUrl ? path : '')}
      >
        {isUrl && 'Clone'}
      </Button>
    </div>
  );
}
