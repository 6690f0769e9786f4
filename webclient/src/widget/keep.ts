// What the widget keeps in the browser: in this tab, or on this device when the visitor ticked that. Storage
// may be refused or full at any time; then the chat works, it only forgets.
//
// Each unsent message has a key of its own, so that two tabs never overwrite each other's.

/** The part of Storage that is used. */
export type Shelf = Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

export class Keep {
  /** Whether things outlive the tab; changed by lasting.ts, which moves them. */
  lasting = false;
  /** Names that belong to the tab whatever the visitor ticked. */
  readonly ofTab = ["open", "draft"];
  readonly #prefix: string;
  readonly #tab: Shelf | undefined;
  readonly #device: Shelf | undefined;

  /** The shelves are given as functions, because reading the property may throw already. */
  constructor(site: string, tab: () => Shelf, device: () => Shelf) {
    this.#prefix = `backline:${site}:`;
    this.#tab = attempt(tab);
    this.#device = attempt(device);
    this.lasting = this.get("chat", true) !== undefined;
  }

  /** lasting: from the other shelf, for moving. */
  get(name: string, lasting?: boolean): unknown {
    return attempt(() => JSON.parse(this.#shelf(name, lasting)?.getItem(this.#prefix + name) ?? "") as unknown);
  }

  /** Stores a value; undefined removes it. */
  set(name: string, value: unknown, lasting?: boolean): void {
    attempt(() => {
      const shelf = this.#shelf(name, lasting);
      if (value === undefined) shelf?.removeItem(this.#prefix + name);
      else shelf?.setItem(this.#prefix + name, JSON.stringify(value));
    });
  }

  /** The names that begin with start. */
  names(start = ""): string[] {
    const shelf = this.#shelf();
    const all = attempt(() => Array.from({ length: shelf?.length ?? 0 }, (_, i) => shelf?.key(i) ?? "")) ?? [];
    return all.filter((key) => key.startsWith(this.#prefix + start)).map((key) => key.slice(this.#prefix.length));
  }

  #shelf(name = "", lasting = this.lasting): Shelf | undefined {
    return lasting && !this.ofTab.includes(name) ? this.#device : this.#tab;
  }
}

function attempt<T>(what: () => T): T | undefined {
  try {
    return what();
  } catch {
    return undefined;
  }
}
