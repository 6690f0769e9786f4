// Commands to the gateway: each has an id, is acknowledged once, and is said again after a lost connection
// until it is. Messages carry a client_id, so that saying them twice sends them once.

import type { Ack, Command, ConsoleClientFrame, Failure } from "../shared/protocol";

export class Refused extends Error {
  constructor(readonly failure: Failure) {
    super(failure.detail);
  }
}

interface Waiting {
  command: Command;
  done: (a: Ack) => void;
  refused: (e: Refused) => void;
  /** It means nothing any more once the connection it was said on is gone. */
  fleeting: boolean;
}

export class Commands {
  private readonly waiting = new Map<string, Waiting>();
  private next = 1;

  /** prefix tells this page's ids from those of others. */
  constructor(
    private readonly prefix: string,
    private readonly send: (f: ConsoleClientFrame) => boolean,
  ) {}

  /** Resolves when the gateway has done it, rejects with Refused; without a connection it waits. */
  run(command: Omit<Command, "id">): Promise<Ack> {
    return this.put(command, false);
  }

  /** Like run, but only on this connection: without one, or when it is lost before the answer, it is refused. */
  once(command: Omit<Command, "id">): Promise<Ack> {
    return this.put(command, true);
  }

  private put(command: Omit<Command, "id">, fleeting: boolean): Promise<Ack> {
    const id = `${this.prefix}${this.next++}`;
    const whole: Command = { ...command, id };
    return new Promise((done, refused) => {
      this.waiting.set(id, { command: whole, done, refused, fleeting });
      if (!this.send({ t: "cmd", ...whole }) && fleeting) this.drop(id);
    });
  }

  /** The connection is gone: what was said on it alone is refused. */
  lost(): void {
    for (const [id, w] of this.waiting) if (w.fleeting) this.drop(id);
  }

  private drop(id: string): void {
    const w = this.waiting.get(id);
    this.waiting.delete(id);
    w?.refused(new Refused({ kind: "unavailable", detail: "" }));
  }

  /** Says something that is not acknowledged; lost without a connection. */
  tell(command: Omit<Command, "id">): void {
    this.send({ t: "cmd", ...command, id: "" });
  }

  ack(a: Ack): void {
    const w = this.waiting.get(a.id);
    if (!w) return;
    this.waiting.delete(a.id);
    if (a.failure) w.refused(new Refused(a.failure));
    else w.done(a);
  }

  /** After a new connection: says all that was not acknowledged, in order. */
  resend(): void {
    for (const w of this.waiting.values()) this.send({ t: "cmd", ...w.command });
  }

  get pending(): number {
    return this.waiting.size;
  }
}
