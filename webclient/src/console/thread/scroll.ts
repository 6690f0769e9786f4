// Keeps a growing list where the reader is: at the end while they are there, else at the line they look at,
// whatever is added above or below.

import { signal } from "@preact/signals-core";

const END_PX = 48;
const TOP_PX = 600;
const ANCHORS = 4;

export class Keeper {
  /** The reader is at the end. */
  readonly atEnd = signal(true);
  private scroller: HTMLElement | null = null;
  private content: HTMLElement | null = null;
  /** The line the reader looks at, and those below it, should it vanish. */
  private anchors: { element: Element; top: number }[] = [];
  private own = -1;

  /** nearTop is called when older lines will be needed soon. */
  constructor(private readonly nearTop: () => void) {}

  attach(scroller: HTMLElement, content: HTMLElement): () => void {
    this.scroller = scroller;
    this.content = content;
    const scrolled = () => this.scrolled();
    const sizes = new ResizeObserver(() => this.keep());
    scroller.addEventListener("scroll", scrolled, { passive: true });
    sizes.observe(scroller);
    sizes.observe(content);
    this.keep();
    return () => {
      scroller.removeEventListener("scroll", scrolled);
      sizes.disconnect();
      this.scroller = null;
      this.content = null;
      this.anchors = [];
    };
  }

  /** To be called after lines were added. */
  keep(): void {
    const s = this.scroller;
    if (!s) return;
    if (this.atEnd.peek()) {
      s.scrollTop = s.scrollHeight;
    } else {
      const anchor = this.anchors.find((a) => a.element.isConnected);
      const moved = anchor ? this.topOf(anchor.element) - anchor.top : 0;
      if (Math.abs(moved) >= 1) s.scrollTop += moved;
    }
    this.own = s.scrollTop;
    if (s.scrollTop < TOP_PX) this.nearTop();
  }

  toEnd(): void {
    this.atEnd.value = true;
    this.keep();
  }

  private scrolled(): void {
    const s = this.scroller;
    if (!s) return;
    // A scroll of ours moves nobody to another place.
    if (s.scrollTop === this.own) return;
    this.own = -1;
    this.atEnd.value = s.scrollHeight - s.scrollTop - s.clientHeight < END_PX;
    this.anchors = this.inView().map((element) => ({ element, top: this.topOf(element) }));
    if (s.scrollTop < TOP_PX) this.nearTop();
  }

  private topOf(element: Element): number {
    return element.getBoundingClientRect().top - (this.scroller?.getBoundingClientRect().top ?? 0);
  }

  private inView(): Element[] {
    const lines = this.content?.children;
    if (!lines || lines.length === 0) return [];
    let low = 0;
    let high = lines.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      const line = lines[middle];
      if (line && this.topOf(line) + line.clientHeight > 0) high = middle;
      else low = middle + 1;
    }
    return [...lines].slice(low, low + ANCHORS);
  }
}
