import { Info, X } from 'lucide-react';
import { IconButton } from '../../ui/Button.tsx';

interface LineProps {
  text: string;
  /** Absent when it stays. */
  onDismiss: (() => void) | undefined;
}

/** Something to know about what is shown below. */
export function Line({ text, onDismiss }: LineProps) {
  return (
    <p className="flex items-center gap-2 border-b border-line bg-raised py-1 pr-1 pl-3 text-ink-2">
      <Info size={14} aria-hidden className="shrink-0 text-working" />
      <span className="min-w-0 flex-1 first-letter:uppercase">{text}</span>
      {onDismiss && (
        <IconButton label="Dismiss" onClick={onDismiss}>
          <X size={13} aria-hidden />
        </IconButton>
      )}
    </p>
  );
}
