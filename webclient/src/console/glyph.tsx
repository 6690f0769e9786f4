// Pictures of the frame that the thread does not need.

const SHAPES = {
  inbox: [
    "M22 12h-6l-2 3h-4l-2-3H2",
    "M5.45 5.11 2 12v6a2 2 0 0 0 2 2h16a2 2 0 0 0 2-2v-6l-3.45-6.89A2 2 0 0 0 16.76 4H7.24a2 2 0 0 0-1.79 1.11z",
  ],
  keyboard: [
    "M4 6h16a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V8a2 2 0 0 1 2-2z",
    "M6 10h.01M10 10h.01M14 10h.01M18 10h.01M8 14h8",
  ],
  ring: [
    "M10.27 21a2 2 0 0 0 3.46 0",
    "M3.26 15.33A1 1 0 0 0 4 17h16a1 1 0 0 0 .74-1.67C19.41 13.96 18 12.5 18 8A6 6 0 0 0 6 8c0 4.5-1.41 5.96-2.74 7.33",
  ],
  siren: [
    "M7 18v-6a5 5 0 1 1 10 0v6",
    "M5 21a1 1 0 0 0 1 1h12a1 1 0 0 0 1-1v-1a2 2 0 0 0-2-2H7a2 2 0 0 0-2 2z",
    "M21 12h1M18.5 4.5 18 5M2 12h1M12 2v1m-7.071 1.929.707.707M12 12v6",
  ],
  mark: ["M4 17a8 8 0 0 1 16 0v1H4z", "M2 21h20", "M12 9V6"],
} as const;

export function Glyph(props: { name: keyof typeof SHAPES; size?: number }) {
  const size = props.size ?? 20;
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.75"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      {SHAPES[props.name].map((d) => (
        <path key={d} d={d} />
      ))}
    </svg>
  );
}
