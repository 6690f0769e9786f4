// The company's colour, made readable on light and on dark: contrast is computed, not hoped for (WCAG 2.2).

type Rgb = [number, number, number];

export interface Brand {
  /** For filled surfaces: bubbles, the send button. */
  fill: string;
  /** For text on it. */
  ink: string;
}

const INK: Rgb = [18, 24, 26];
const WHITE: Rgb = [255, 255, 255];
const LIGHT_SURFACE = WHITE;
const DARK_SURFACE: Rgb = [19, 23, 24];

/** The colour for a light or dark page; what is no #rrggbb becomes ink. */
export function brand(hex: string, dark: boolean): Brand {
  const digits = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(hex);
  let fill: Rgb = digits ? [part(digits[1]), part(digits[2]), part(digits[3])] : INK;
  const surface = dark ? DARK_SURFACE : LIGHT_SURFACE;
  const wanted = dark ? 6 : 3;
  for (let i = 0; i < 20 && contrast(fill, surface) < wanted; i++) fill = mix(fill, dark ? WHITE : INK, 0.1);
  const ink = contrast(fill, WHITE) >= contrast(fill, INK) ? WHITE : INK;
  return { fill: css(fill), ink: css(ink) };
}

/** From 1 to 21. */
export function contrast(a: Rgb, b: Rgb): number {
  const [x, y] = [luminance(a) + 0.05, luminance(b) + 0.05];
  return Math.max(x, y) / Math.min(x, y);
}

function luminance(c: Rgb): number {
  const [r, g, b] = c.map((v) => (v <= 10 ? v / 3294.6 : ((v / 255 + 0.055) / 1.055) ** 2.4)) as Rgb;
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function mix(a: Rgb, b: Rgb, share: number): Rgb {
  return a.map((v, i) => Math.round(v + ((b[i] ?? 0) - v) * share)) as Rgb;
}

function part(hex: string | undefined): number {
  return Number.parseInt(hex ?? "0", 16);
}

function css(c: Rgb): string {
  return `rgb(${c.join(" ")})`;
}
