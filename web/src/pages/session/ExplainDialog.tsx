import { messageOf } from '../../api/client.ts';
import { useExplanation } from '../../api/explain.ts';
import type { EvidencePiece, Worker } from '../../api/wire.ts';
import { cx } from '../../lib/cx.ts';
import { Dialog } from '../../ui/Dialog.tsx';

interface ExplainDialogProps {
  worker: Worker;
  onClose: () => void;
}

/** What an agent is thought to do, and the evidence for it, the newest first. */
export function ExplainDialog({ worker, onClose }: ExplainDialogProps) {
  const { data, error } = useExplanation(worker.id);
  return (
    <Dialog open onClose={onClose} title={`What “${worker.name}” does`}>
      {error && (
        <p role="alert" className="break-words text-failed">
          {messageOf(error)}
        </p>
      )}
      {data && (
        <div className="flex flex-col gap-3">
          <p className="break-words">
            <strong className="font-medium">
              {data.activity.kind
                ? `${data.activity.state} (${data.activity.kind})`
                : data.activity.state}
            </strong>
            {data.activity.reason && `: ${data.activity.reason}`}
          </p>
          <p className="text-sm text-ink-2">
            By {data.source}, rule <code>{data.rule}</code>
            {data.region && ` in ${data.region}`}
          </p>
          <ol
            aria-label="Evidence, the newest first"
            className="flex max-h-80 flex-col gap-1 overflow-y-auto text-sm"
          >
            {[...data.evidence].reverse().map((piece) => (
              <Piece key={`${piece.at} ${piece.source} ${piece.rule}`} piece={piece} />
            ))}
          </ol>
        </div>
      )}
    </Dialog>
  );
}

function Piece({ piece }: { piece: EvidencePiece }) {
  return (
    <li
      className={cx(
        'flex flex-wrap gap-x-2 rounded-md border px-2 py-1',
        piece.counted ? 'border-line-strong' : 'border-line text-ink-2',
      )}
    >
      <span className="w-14 shrink-0 tabular-nums">{(piece.ageMs / 1000).toFixed(1)} s</span>
      <span className="font-medium">{piece.says}</span>
      <span>
        {piece.source}: <code>{piece.rule}</code>
        {piece.region && ` in ${piece.region}`}
      </span>
      {piece.text && <span className="w-full break-words">{piece.text}</span>}
    </li>
  );
}
