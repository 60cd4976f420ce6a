import { Menu as Base } from '@base-ui/react/menu';
import type { ReactElement, ReactNode } from 'react';
import { cx } from '../lib/cx.ts';

export const popupClass =
  'z-50 min-w-44 rounded-lg border border-line-strong bg-raised p-1 shadow-pop outline-none';
export const itemClass =
  'flex w-full cursor-default items-center gap-2 rounded-md px-2 py-1.5 text-left text-ink outline-none select-none data-[disabled]:text-ink-3 data-[highlighted]:bg-hover coarse:min-h-10';

export function Menu({ trigger, children }: { trigger: ReactElement; children: ReactNode }) {
  return (
    <Base.Root>
      <Base.Trigger render={trigger} />
      <Base.Portal>
        <Base.Positioner align="end" sideOffset={4} className="z-50">
          <Base.Popup className={popupClass}>{children}</Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}

interface MenuItemProps {
  icon?: ReactNode;
  danger?: boolean;
  disabled?: boolean;
  onClick: () => void;
  children: ReactNode;
}

export function MenuItem({ icon, danger, disabled, onClick, children }: MenuItemProps) {
  return (
    <Base.Item
      disabled={disabled ?? false}
      onClick={onClick}
      className={cx(itemClass, danger && 'text-failed')}
    >
      {icon}
      {children}
    </Base.Item>
  );
}

export function MenuLine() {
  return <Base.Separator className="my-1 h-px bg-line" />;
}
