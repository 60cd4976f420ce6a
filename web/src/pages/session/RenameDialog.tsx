import { type FormEvent, useState } from 'react';
import { messageOf } from '../../api/client.ts';
import { change } from '../../api/queries.ts';
import type { Session } from '../../api/wire.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { Field } from '../../ui/Field.tsx';

interface RenameProps {
  session: Session;
  open: boolean;
  onClose: () => void;
}

export function RenameDialog({ session, open, onClose }: RenameProps) {
  const [title, setTitle] = useState(session.title ?? '');
  const [error, setError] = useState<string | null>(null);
  async function submit(event: FormEvent) {
    event.preventDefault();
    try {
      await change.rename(session.id, title.trim());
      onClose();
    } catch (err) {
      setError(messageOf(err));
    }
  }
  return (
    <Dialog open={open} onClose={onClose} title="Rename the session">
      <form onSubmit={submit} className="flex flex-col gap-4">
        <Field
          label="Title"
          maxLength={500}
          value={title}
          error={error}
          hint="Empty shows the prompt, or the branch."
          onChange={(event) => setTitle(event.target.value)}
        />
        <Button type="submit" tone="primary" className="self-end">
          Rename
        </Button>
      </form>
    </Dialog>
  );
}
