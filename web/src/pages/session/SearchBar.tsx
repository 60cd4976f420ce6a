import type { ISearchOptions, SearchAddon } from '@xterm/addon-search';
import { ChevronDown, ChevronUp, X } from 'lucide-react';
import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { IconButton } from '../../ui/Button.tsx';
import { inputClass } from '../../ui/Field.tsx';

const OPTIONS: ISearchOptions = {
  decorations: {
    matchBackground: '#4a3a14',
    activeMatchBackground: '#8a6a1c',
    matchOverviewRuler: '#ecc06a',
    activeMatchColorOverviewRuler: '#ffb454',
  },
};

interface SearchBarProps {
  search: SearchAddon;
  onClose: () => void;
}

/** Finds text in the lines held here. */
export function SearchBar({ search, onClose }: SearchBarProps) {
  const [text, setText] = useState('');
  const [found, setFound] = useState<{ at: number; of: number } | null>(null);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    input.current?.focus();
    const results = search.onDidChangeResults(({ resultIndex, resultCount }) =>
      setFound({ at: resultIndex + 1, of: resultCount }),
    );
    return () => {
      results.dispose();
      search.clearDecorations();
    };
  }, [search]);

  function onKeyDown(event: KeyboardEvent) {
    if (event.key === 'Escape') onClose();
    else if (event.key === 'Enter' && event.shiftKey) search.findNext(text, OPTIONS);
    else if (event.key === 'Enter') search.findPrevious(text, OPTIONS);
    else return;
    event.preventDefault();
  }

  return (
    <search className="absolute top-2 right-4 z-20 flex items-center gap-1 rounded-lg border border-line-strong bg-raised p-1 pl-1.5 shadow-pop max-sm:left-4">
      <input
        ref={input}
        aria-label="Search the terminal"
        placeholder="Search"
        value={text}
        className={`${inputClass} !h-7 sm:!w-52`}
        onChange={(event) => {
          setText(event.target.value);
          search.findPrevious(event.target.value, { ...OPTIONS, incremental: true });
        }}
        onKeyDown={onKeyDown}
      />
      <span role="status" className="min-w-12 px-1 text-right text-xs text-ink-3 tabular-nums">
        {text && found ? (found.of === 0 ? 'None' : `${found.at}/${found.of}`) : ''}
      </span>
      <IconButton label="Older (Enter)" onClick={() => search.findPrevious(text, OPTIONS)}>
        <ChevronUp size={14} aria-hidden />
      </IconButton>
      <IconButton label="Newer (Shift+Enter)" onClick={() => search.findNext(text, OPTIONS)}>
        <ChevronDown size={14} aria-hidden />
      </IconButton>
      <IconButton label="Close the search" onClick={onClose}>
        <X size={14} aria-hidden />
      </IconButton>
    </search>
  );
}
