/** The product's mark: a stem and the shoot that grows off it. */
export function Mark({ size = 20 }: { size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      strokeWidth="2.4"
      strokeLinecap="round"
      aria-hidden="true"
      className="shrink-0"
    >
      <path d="M7 21V3" stroke="var(--accent)" />
      <path d="M7 16c0-5.200 3.500-7 8.500-7" stroke="var(--done)" />
      <circle cx="18" cy="9" r="2.200" fill="var(--done)" />
    </svg>
  );
}
