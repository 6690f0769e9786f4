// Where the tiles stand: as large as they can be, whatever the window. Pure.

export interface Tile {
  peer: string;
  kind: "camera" | "screen";
}

export interface Box extends Tile {
  x: number;
  y: number;
  w: number;
  h: number;
  /** A small picture in the corner of a large one. */
  small?: boolean;
}

const GAP = 8;
const WIDE = 16 / 9;
/** On a phone that is held upright tiles are upright too. */
const TALL = 3 / 4;

/** Columns and size of tiles of a shape that fill an area best. */
export function grid(n: number, width: number, height: number, ratio: number): { cols: number; w: number; h: number } {
  let best = { cols: 1, w: 0, h: 0 };
  for (let cols = 1; cols <= n; cols++) {
    const rows = Math.ceil(n / cols);
    const w = Math.min((width - GAP * (cols - 1)) / cols, ((height - GAP * (rows - 1)) / rows) * ratio);
    if (w > best.w) best = { cols, w, h: w / ratio };
  }
  return { cols: best.cols, w: Math.max(0, Math.floor(best.w)), h: Math.max(0, Math.floor(best.h)) };
}

/** Places tiles in rows in the middle of an area; the last row is centred. */
function rows(tiles: Tile[], x: number, y: number, width: number, height: number, ratio = WIDE): Box[] {
  if (!tiles.length) return [];
  const { cols, w, h } = grid(tiles.length, width, height, ratio);
  const count = Math.ceil(tiles.length / cols);
  const top = y + (height - count * h - GAP * (count - 1)) / 2;
  return tiles.map((t, i) => {
    const row = Math.floor(i / cols);
    const inRow = Math.min(cols, tiles.length - row * cols);
    const left = x + (width - inRow * w - GAP * (inRow - 1)) / 2;
    return {
      ...t,
      x: Math.round(left + (i % cols) * (w + GAP)),
      y: Math.round(top + row * (h + GAP)),
      w,
      h,
    };
  });
}

/** Arranges a meeting: others, oneself, and a screen if one is shared. me is "" where oneself is not shown. */
export function arrange(others: string[], me: string, screen: string, width: number, height: number): Box[] {
  const cameras: Tile[] = others.map((peer) => ({ peer, kind: "camera" }));
  if (screen) {
    if (me) cameras.push({ peer: me, kind: "camera" });
    return beside({ peer: screen, kind: "screen" }, cameras, width, height);
  }
  const [only] = cameras;
  if (only && cameras.length === 1 && me)
    return [{ ...only, x: 0, y: 0, w: width, h: height }, corner(me, width, height)];
  if (me) cameras.push({ peer: me, kind: "camera" });
  if (cameras.length === 1 && cameras[0]) return [{ ...cameras[0], x: 0, y: 0, w: width, h: height }];
  return rows(cameras, 0, 0, width, height, width < height * 0.8 ? TALL : WIDE);
}

/** A screen with the people beside it, below it when the window is upright. */
function beside(screen: Tile, people: Tile[], width: number, height: number): Box[] {
  if (!people.length) return [{ ...screen, x: 0, y: 0, w: width, h: height }];
  if (width >= height) {
    const strip = Math.min(240, Math.floor(width / 4));
    const main = { ...screen, x: 0, y: 0, w: width - strip - GAP, h: height };
    return [main, ...rows(people, main.w + GAP, 0, strip, height)];
  }
  const strip = Math.min(160, Math.floor(height / 4));
  const main = { ...screen, x: 0, y: 0, w: width, h: height - strip - GAP };
  return [main, ...rows(people, 0, main.h + GAP, width, strip)];
}

/** Oneself, small, over the only other. */
function corner(me: string, width: number, height: number): Box {
  const upright = width < height;
  const w = Math.round(Math.min(upright ? width * 0.28 : width * 0.2, 220));
  const h = Math.round(upright ? w / TALL : w / WIDE);
  return { peer: me, kind: "camera", x: width - w - 12, y: height - h - 12, w, h, small: true };
}
