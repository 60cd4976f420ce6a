import { RotateCw, TriangleAlert } from 'lucide-react';
import { messageOf } from '../api/client.ts';
import { Button } from '../ui/Button.tsx';

/** A page that broke, or whose code is gone because the server was upgraded meanwhile. */
export function PageFault({ error }: { error: unknown }) {
  const isGone = /dynamically imported module|module script|preload/i.test(messageOf(error));
  return (
    <div
      role="alert"
      className="mx-auto flex h-full max-w-[420px] flex-col items-start justify-center gap-3 px-5"
    >
      <TriangleAlert size={28} aria-hidden className="text-asks" />
      <h1 className="text-lg font-semibold">
        {isGone ? 'There is a newer version' : 'This page broke'}
      </h1>
      <p className="text-ink-2">
        {isGone
          ? 'The server was upgraded since this page was opened. Sessions are not touched.'
          : 'Sessions are not touched. Reloading usually helps.'}
      </p>
      {!isGone && (
        <pre className="max-h-40 w-full overflow-auto rounded-md bg-inset p-2 font-mono text-sm whitespace-pre-wrap">
          {messageOf(error)}
        </pre>
      )}
      <Button
        tone="primary"
        icon={<RotateCw size={13} aria-hidden />}
        onClick={() => location.reload()}
      >
        Reload
      </Button>
    </div>
  );
}
