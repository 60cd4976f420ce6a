import { useApp } from '../../api/app-store.ts';
import { care, useSettings } from '../../api/care.ts';
import type { Session } from '../../api/wire.ts';
import { policyWords } from '../../lib/idle.ts';
import { Dialog } from '../../ui/Dialog.tsx';
import { IdleEditor } from '../settings/IdleEditor.tsx';

/** The session's own rule for when it has nothing to do. */
export function IdleDialog({ session, onClose }: { session: Session; onClose: () => void }) {
  const server = useSettings().data?.idle;
  const repository = useApp((app) =>
    app.repositories.find((one) => one.id === session.repositoryId),
  );
  const above = repository?.idle ?? server;
  const whose = repository?.idle ? `the rule of ${repository.name}` : "the server's rule";
  return (
    <Dialog open onClose={onClose} title="When this session is idle">
      <IdleEditor
        policy={session.idle}
        inherited={`As ${whose} says${above ? `: ${policyWords(above)}` : ''}.`}
        save={(idle) => care.sessionIdle(session.id, idle)}
        onSaved={onClose}
      />
    </Dialog>
  );
}
