import { CloudOff } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useApp } from '../api/app-store.ts';

/** Losses shorter than this go by without a word. */
const PATIENCE_MS = 3_000;

/** Says that the server is away, once it has been for a while. */
export function ConnectionBanner() {
  const isConnected = useApp((app) => app.isConnected);
  const [isLong, setLong] = useState(false);
  useEffect(() => {
    if (isConnected) {
      setLong(false);
      return;
    }
    const timer = setTimeout(() => setLong(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [isConnected]);
  return (
    <div role="status" aria-live="polite">
      {isLong && !isConnected && (
        <p className="flex items-center gap-2 border-b border-asks-line bg-asks-tint px-4 py-1.5 text-ink">
          <CloudOff size={14} aria-hidden className="shrink-0 text-asks" />
          <span>
            <strong className="font-medium text-asks">The server is away.</strong> Agents keep
            running; this page shows what was last known and reconnects by itself.
          </span>
        </p>
      )}
    </div>
  );
}
