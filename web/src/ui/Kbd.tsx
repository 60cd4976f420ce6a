export function Kbd({ children }: { children: string }) {
  return (
    <kbd className="inline-flex h-5 min-w-5 items-center justify-center rounded-sm border border-line-strong bg-canvas px-1 font-mono text-xs text-ink-2">
      {children}
    </kbd>
  );
}
