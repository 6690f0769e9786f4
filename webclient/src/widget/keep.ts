// What the widget keeps in the browser: in this tab, or on this device when the visitor ticked that. Storage
// may be refused or full at any time; then the chat works, it only forgets.
//
// Each unsent message has a key of its own, so that two tabs never overwrite each other's.

/** The part of Storage that is used. */
export type Shelf = Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

/** Names that belong to the tab whatever the visitor ticked. */
const OF_TAB = ["open", "draft"];

export class Keep {
  readonly #prefix: string;
  readonly #tab: Shelf | undefined;
  readonly #device: Shelf | undefined;
  #here: Shelf | undefined;

  /** The shelves are given as functions, because reading the property may throw already. */
  constructor(site: string, tab: () => Shelf, device: () => Shelf) {
    this.#prefix = `backline:${site}:`;
    this.#tab = attempt(tab);
    this.#device = attempt(device);
    this.#here = this.#on(this.#device, "chat") === undefined ? this.#tab : this.#device;
  }

  /** Whether things outlive the tab. */
  get lasting(): boolean {
    return this.#here !== undefined && this.#here === this.#device;
  }

  /** Moves everything to the device, or back to this tab. */
  last(lasting: boolean): void {
    const to = lasting ? this.#device : this.#tab;
    const from = this.#here;
    if (to === from || !to) return;
    for (const name of this.names()) {
      if (OF_TAB.includes(name)) continue;
      const value = this.get(name);
      this.#here = to;
      this.set(name, value);
      this.#here = from;
      if (this.#on(to, name) !== undefined) this.set(name, undefined);
    }
    this.#here = to;
  }

  get(name: string): unknown {
    return this.#on(this.#shelf(name), name);
  }

  /** Stores a value; undefined removes it. */
  set(name: string, value: unknown): void {
    attempt(() => {
      if (value === undefined) this.#shelf(name)?.removeItem(this.#prefix + name);
      else this.#shelf(name)?.setItem(this.#prefix + name, JSON.stringify(value));
    });
  }

  /** The names that begin with start. */
  names(start = ""): string[] {
    const found: string[] = [];
    attempt(() => {
      for (let i = 0; i < (this.#here?.length ?? 0); i++) {
        const key = this.#here?.key(i) ?? "";
        if (key.startsWith(this.#prefix + start)) found.push(key.slice(this.#prefix.length));
      }
    });
    return found;
  }

  #shelf(name: string): Shelf | undefined {
    return OF_TAB.includes(name) ? this.#tab : this.#here;
  }

  #on(shelf: Shelf | undefined, name: string): unknown {
    return attempt(() => JSON.parse(shelf?.getItem(this.#prefix + name) ?? "") as unknown);
  }
}

function attempt<T>(what: () => T): T | undefined {
  try {
    return what();
  } catch {
    return undefined;
  }
}
