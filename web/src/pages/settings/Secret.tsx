import { Copy } from 'lucide-react';
import { Button } from '../../ui/Button.tsx';
import { attempt, toast } from '../../ui/toast.ts';

/** A secret that is shown this once. */
export function Secret({ name, secret }: { name: string; secret: string }) {
  return (
    <div role="status" className="flex flex-col gap-2 border-b border-line bg-accent-tint p-3">
      <p className="break-words">
        <strong className="font-medium">{name}:</strong> copy it now, it is shown only once.
      </p>
      <div className="flex items-center gap-2">
        <code className="min-w-0 flex-1 rounded-md bg-canvas px-2 py-1 font-mono text-sm break-all">
          {secret}
        </code>
        <Button
          icon={<Copy size={14} aria-hidden />}
          onClick={() =>
            void attempt('Could not copy', async () => {
              await navigator.clipboard.writeText(secret);
              toast('Copied');
            })
          }
        >
          Copy
        </Button>
      </div>
    </div>
  );
}
