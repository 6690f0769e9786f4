// A gateway and a browser's storage for the tests: the frames are the real ones, the network is a variable.

import type { Item, VisitorClientFrame, VisitorServerFrame } from "../shared/protocol";
import type { Line } from "./connection";
import type { Shelf } from "./keep";

/** One socket as the page holds it. */
export class FakeLine implements Line {
  onopen: (() => void) | null = null;
  onmessage: ((e: { data: unknown }) => void) | null = null;
  onclose: ((e: { code: number }) => void) | null = null;
  sent: VisitorClientFrame[] = [];
  closed = false;

  constructor(readonly url: string) {}

  send(data: string): void {
    if (!this.closed) this.sent.push(JSON.parse(data) as VisitorClientFrame);
  }

  close(): void {
    this.closed = true;
  }

  open(): void {
    this.onopen?.();
  }

  say(f: VisitorServerFrame): void {
    this.onmessage?.({ data: JSON.stringify(f) });
  }

  /** Opens, welcomes and tells that nothing was missed. */
  welcome(head = 0): void {
    this.open();
    this.say(welcome());
    this.say({ t: "ready", head });
  }

  end(code = 1006): void {
    this.onclose?.({ code });
  }

  of<T extends VisitorClientFrame["t"]>(t: T): Extract<VisitorClientFrame, { t: T }>[] {
    return this.sent.filter((f): f is Extract<VisitorClientFrame, { t: T }> => f.t === t);
  }
}

export function welcome(token = "token"): VisitorServerFrame {
  return {
    t: "welcome",
    version: 1,
    token,
    company: { name: "Nordwind", language: "de", color: "#123a5a" },
    status: { state: "none", staffed: true, open: true, estimate_ms: -1, calls: false },
    head: 0,
    server_now: "2026-03-01T10:00:00Z",
  };
}

export function item(position: number, set: Partial<Item> = {}): Item {
  return {
    position,
    rev: position,
    id: `item-${position}`,
    conversation: "",
    time: "2026-03-01T10:00:00Z",
    kind: "message",
    direction: "outbound",
    from: { kind: "agent", name: "Agent" },
    text: `text ${position}`,
    attachments: [],
    ...set,
  };
}

export class FakeShelf implements Shelf {
  readonly map = new Map<string, string>();
  /** Storage that is full. */
  full = false;

  get length(): number {
    return this.map.size;
  }

  key(i: number): string | null {
    return [...this.map.keys()][i] ?? null;
  }

  getItem(key: string): string | null {
    return this.map.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    if (this.full) throw new Error("QuotaExceededError");
    this.map.set(key, value);
  }

  removeItem(key: string): void {
    this.map.delete(key);
  }
}
