// Notifications of the system, while nobody looks at the console. What was written stays inside: they show on
// locked screens.

export interface Telling {
  /** The same again is not told twice. */
  id: string;
  title: string;
  body: string;
  /** Somebody clicked on it. */
  open(): void;
}

export class Notifications {
  private readonly told = new Map<string, Notification>();

  /** What is to be told now; what is not among it any more is taken away. */
  show(all: readonly Telling[]): void {
    const wanted = new Set(all.map((x) => x.id));
    for (const id of this.told.keys()) if (!wanted.has(id)) this.take(id);
    if (!("Notification" in window) || Notification.permission !== "granted") return;
    for (const x of all) if (!this.told.has(x.id)) this.tell(x);
  }

  close(): void {
    this.show([]);
  }

  private tell(x: Telling): void {
    const n = new Notification(x.title, { body: x.body, tag: x.id, requireInteraction: true });
    n.onclick = () => {
      window.focus();
      n.close();
      x.open();
    };
    this.told.set(x.id, n);
  }

  private take(id: string): void {
    this.told.get(id)?.close();
    this.told.delete(id);
  }
}
