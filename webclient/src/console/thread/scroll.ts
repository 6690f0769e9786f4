// Keeps a growing list where the reader is: at the end while they are there, else at the line they look at,
// whatever is added above or below.

import { signal } from "@preact/signals-core";

const END_PX = 48;
const TOP_PX = 600;

export class Keeper {
  /** The reader is at the end. */
  readonly atEnd = signal(true);
  private scroller: HTMLElement | null = null;
  private content: HTMLElement | null = null;
  private anchor: { element: HTMLElement; top: number } | null = null;

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
      this.anchor = null;
    };
  }

  /** To be called after lines were added. */
  keep(): void {
    const s = this.scroller;
    if (!s) return;
    if (this.atEnd.peek()) {
      s.scrollTop = s.scrollHeight;
    } else if (this.anchor?.element.isConnected) {
      const moved = this.topOf(this.anchor.element) - this.anchor.top;
      if (Math.abs(moved) >= 1) s.scrollTop += moved;
    }
    if (s.scrollTop < TOP_PX) this.nearTop();
  }

  toEnd(): void {
    this.atEnd.value = true;
    this.keep();
  }

  private scrolled(): void {
    const s = this.scroller;
    if (!s) return;
    this.atEnd.value = s.scrollHeight - s.scrollTop - s.clientHeight < END_PX;
    const element = this.firstInView();
    this.anchor = element ? { element, top: this.topOf(element) } : null;
    if (s.scrollTop < TOP_PX) this.nearTop();
  }

  private topOf(element: HTMLElement): number {
    return element.offsetTop - (this.scroller?.scrollTop ?? 0);
  }

  private firstInView(): HTMLElement | null {
    const lines = this.content?.children;
    const top = this.scroller?.scrollTop ?? 0;
    if (!lines || lines.length === 0) return null;
    let low = 0;
    let high = lines.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      const line = lines[middle] as HTMLElement;
      if (line.offsetTop + line.offsetHeight > top) high = middle;
      else low = middle + 1;
    }
    return lines[low] as HTMLElement;
  }
}
