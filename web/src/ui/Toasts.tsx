import { Toast } from '@base-ui/react/toast';
import { CircleCheck, CircleX, X } from 'lucide-react';
import { useEffect } from 'react';
import { IconButton } from './Button.tsx';
import { showToasts, toasts } from './toast.ts';

export function Toasts() {
  // The provider below listens by then: its effects come before those of this one.
  useEffect(showToasts, []);
  return (
    <Toast.Provider toastManager={toasts}>
      <Toast.Portal>
        <Toast.Viewport className="fixed right-3 bottom-3 left-3 z-60 flex flex-col gap-2 sm:left-auto sm:w-[360px]">
          <ToastList />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}

function ToastList() {
  const { toasts } = Toast.useToastManager();
  return toasts.map((each) => (
    <Toast.Root
      key={each.id}
      toast={each}
      className="rounded-lg border border-line-strong bg-raised shadow-pop transition-opacity duration-150 data-[ending-style]:opacity-0 data-[starting-style]:opacity-0"
    >
      <Toast.Content className="flex items-start gap-2.5 py-2.5 pr-1.5 pl-3">
        {each.type === 'failure' ? (
          <CircleX size={16} aria-hidden className="mt-0.5 shrink-0 text-failed" />
        ) : (
          <CircleCheck size={16} aria-hidden className="mt-0.5 shrink-0 text-done" />
        )}
        <div className="min-w-0 flex-1">
          <Toast.Title className="font-medium" />
          <Toast.Description className="max-h-40 overflow-y-auto break-words whitespace-pre-wrap text-ink-2" />
        </div>
        <Toast.Close render={<IconButton label="Dismiss" />}>
          <X size={14} aria-hidden />
        </Toast.Close>
      </Toast.Content>
    </Toast.Root>
  ));
}
