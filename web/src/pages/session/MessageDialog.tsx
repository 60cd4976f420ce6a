import { File as FileIcon, Paperclip, SendHorizontal, X } from 'lucide-react';
import {
  type ClipboardEvent,
  type DragEvent,
  type FormEvent,
  useId,
  useRef,
  useState,
} from 'react';
import { care } from '../../api/care.ts';
import { messageOf } from '../../api/client.ts';
import type { Session, Worker } from '../../api/wire.ts';
import { sizeWords, tooMuch, withFiles } from '../../lib/files.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { inputClass } from '../../ui/Field.tsx';
import { toast } from '../../ui/toast.ts';

interface MessageDialogProps {
  session: Session;
  worker: Worker;
  /** What was dropped already. */
  files: File[];
  onClose: () => void;
}

/** A message with files to a worker: the text is typed for it, with the paths of the files. */
export function MessageDialog({ session, worker, files: dropped, onClose }: MessageDialogProps) {
  const [content, setContent] = useState('');
  const [files, setFiles] = useState(dropped);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const id = useId();
  const picker = useRef<HTMLInputElement>(null);
  const excess = tooMuch(files);
  const isEmpty = content.trim() === '' && files.length === 0;

  function add(more: FileList | null) {
    // The list of an input is emptied with it.
    const taken = [...(more ?? [])];
    setFiles((known) => withFiles(known, taken));
    setFailure(null);
  }

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (busy || isEmpty || excess) return;
    setBusy(true);
    setFailure(null);
    try {
      await care.send(session.id, worker.id, content, files);
      toast(`Sent to ${worker.name}`);
      onClose();
    } catch (err) {
      setFailure(messageOf(err));
      setBusy(false);
    }
  }

  const drop = {
    onDragOver: (event: DragEvent) => event.preventDefault(),
    onDrop: (event: DragEvent) => {
      event.preventDefault();
      // The terminal behind takes dropped files as well.
      event.stopPropagation();
      add(event.dataTransfer.files);
    },
    onPaste: (event: ClipboardEvent) => {
      if (event.clipboardData.files.length === 0) return;
      event.preventDefault();
      add(event.clipboardData.files);
    },
  };
  return (
    <Dialog open onClose={onClose} title={`Message to ${worker.name}`}>
      <form onSubmit={submit} className="flex flex-col gap-3" {...drop}>
        <label htmlFor={id} className="text-sm font-medium text-ink-2">
          Text
        </label>
        <textarea
          id={id}
          rows={4}
          value={content}
          placeholder="What should it do with the files?"
          onChange={(event) => setContent(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) void submit(event);
          }}
          className={`${inputClass} -mt-2 field-sizing-content !h-auto max-h-[40vh] min-h-24 resize-none py-2`}
        />
        {files.length > 0 && <Files files={files} onChange={setFiles} />}
        {(excess || failure) && (
          <p role="alert" className="break-words text-failed">
            {excess ?? failure}
          </p>
        )}
        <div className="flex flex-wrap items-center gap-2">
          <input
            ref={picker}
            type="file"
            multiple
            hidden
            onChange={(event) => {
              add(event.target.files);
              // The same file may be picked again after it was taken out.
              event.target.value = '';
            }}
          />
          <Button
            icon={<Paperclip size={14} aria-hidden />}
            onClick={() => picker.current?.click()}
          >
            Add files
          </Button>
          <span className="text-sm text-ink-3 coarse:hidden">or drop or paste them here</span>
          <Button
            type="submit"
            tone="primary"
            busy={busy}
            disabled={isEmpty || excess !== null}
            className="ml-auto"
            icon={<SendHorizontal size={14} aria-hidden />}
          >
            Send
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Files({ files, onChange }: { files: File[]; onChange: (files: File[]) => void }) {
  return (
    <ul aria-label="Files" className="flex flex-col rounded-md border border-line">
      {files.map((file) => (
        <li
          key={`${file.name} ${file.size}`}
          className="flex items-center gap-2 py-0.5 pr-0.5 pl-2.5"
        >
          <FileIcon size={13} aria-hidden className="shrink-0 text-ink-3" />
          <span className="min-w-0 flex-1 truncate font-mono text-sm">{file.name}</span>
          <span className="text-sm whitespace-nowrap text-ink-3 tabular-nums">
            {sizeWords(file.size)}
          </span>
          <IconButton
            label={`Leave out ${file.name}`}
            onClick={() => onChange(files.filter((other) => other !== file))}
          >
            <X size={13} aria-hidden />
          </IconButton>
        </li>
      ))}
    </ul>
  );
}
