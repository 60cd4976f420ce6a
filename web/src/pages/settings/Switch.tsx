interface SwitchProps {
  name: string;
  means?: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
}

/** Something that is on or off. */
export function Switch({ name, means, checked, onChange }: SwitchProps) {
  return (
    <label className="flex cursor-pointer items-start gap-3 coarse:min-h-10">
      <input
        type="checkbox"
        checked={checked}
        onChange={(event) => onChange(event.target.checked)}
        className="mt-0.5 size-4 shrink-0 accent-accent"
      />
      <span>
        <span className="block font-medium">{name}</span>
        {means && <span className="block text-ink-2">{means}</span>}
      </span>
    </label>
  );
}
