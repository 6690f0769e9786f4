// The company's colour, made readable on light and on dark: contrast is computed, not hoped for (WCAG 2.2).

type Rgb = [number, number, number];

export interface Brand {
  /** For filled surfaces: bubbles, the send button. */
  fill: string;
  /** For text on it. */
  ink: string;
}

const INK = 0x12181a;
const BLACK: Rgb = [0, 0, 0];
const WHITE: Rgb = [255, 255, 255];
const DARK_SURFACE: Rgb = [19, 23, 24];

/** The colour for a light or dark page, with a contrast to it; what is no #rrggbb becomes ink. */
export function brand(hex: string, dark: boolean, wanted = dark ? 6 : 3): Brand {
  const n = /^#[0-9a-f]{6}$/i.test(hex) ? Number.parseInt(hex.slice(1), 16) : INK;
  let fill: Rgb = [n >> 16, (n >> 8) & 255, n & 255];
  const surface = dark ? DARK_SURFACE : WHITE;
  // Towards white or black: pale on dark pages, where the full colour would glare.
  const to = dark ? 255 : 0;
  for (let i = 0; i < 20 && contrast(fill, surface) < wanted; i++) {
    fill = fill.map((v) => Math.round(v + (to - v) * 0.1)) as Rgb;
  }
  const ink = contrast(fill, WHITE) >= contrast(fill, BLACK) ? WHITE : BLACK;
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

function css(c: Rgb): string {
  return `rgb(${c.join(" ")})`;
}
