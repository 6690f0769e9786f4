// Icons: Lucide, ISC licence; telephone, clip and lock are ours.

const PATHS = {
  more: "M4 12h1.5M11 12h1.5M18 12h1.5",
  x: "M18 6 6 18M6 6l12 12",
  check: "M20 6 9 17l-5-5",
  read: "M18 6 7 17l-5-5M22 10l-7.5 7.5L13 16",
  clock: "M12 7v5l3 2M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z",
  alert: "M12 8v5M12 16.5v.01M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z",
  clip: "m20 11-8.5 8.5a5 5 0 0 1-7-7L13 4a3.5 3.5 0 0 1 5 5l-8.5 8.5a2 2 0 0 1-3-3L14 7",
  up: "m5 12 7-7 7 7M12 19V5",
  lock: "M5 11h14v10H5zM8 11V7a4 4 0 0 1 8 0v4",
  phone: "M6 3h3l2 5-2.5 2a12 12 0 0 0 5.5 5.5L16 13l5 2v3a3 3 0 0 1-3 3A15 15 0 0 1 3 6a3 3 0 0 1 3-3z",
  mic: "M12 19v3M5 12a7 7 0 0 0 14 0M15 5v7a3 3 0 0 1-6 0V5a3 3 0 0 1 6 0z",
  file: "M14 2H6a2 2 0 0 0-2 2v16a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2V8zM14 2v6h6",
};

export function Icon(props: { name: keyof typeof PATHS; size?: number }) {
  return <Svg path={PATHS[props.name]} size={props.size ?? 20} />;
}

/** A drawing of lines in a square of 24. */
export function Svg(props: { path: string; size: number }) {
  return (
    <svg
      width={props.size}
      height={props.size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.75"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={props.path} />
    </svg>
  );
}
