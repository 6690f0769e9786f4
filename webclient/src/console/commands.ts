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
    const id = `${this.prefix}${this.next++}`;
    const whole: Command = { ...command, id };
    return new Promise((done, refused) => {
      this.waiting.set(id, { command: whole, done, refused });
      this.send({ t: "cmd", ...whole });
    });
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
