// Who sits here? The gateway is asked until it answers: one that restarts signs nobody out.

import { type Api, type Person, Problem } from "./api";
import { backoff } from "./backoff";
import { isFields, list, text } from "./guard";

export interface Answer {
  /** Null: nobody is signed in. */
  person: Person | null;
  /** Agents of a demo, who need no password. */
  demo: Person[];
}

export interface Patience {
  /** The gateway was silent, or said that it cannot answer yet. */
  failed(): void;
  pause(ms: number): Promise<void>;
  random(): number;
}

export async function whoIsHere(api: Pick<Api, "session">, p: Patience): Promise<Answer> {
  for (let attempt = 0; ; attempt++) {
    try {
      return { person: await api.session(), demo: [] };
    } catch (e) {
      if (e instanceof Problem && e.status > 0 && e.status !== 429 && e.status < 500) {
        return { person: null, demo: list(e.body.demo_agents).flatMap(personOf) };
      }
    }
    p.failed();
    await p.pause(backoff(attempt, p.random()));
  }
}

function personOf(v: unknown): Person[] {
  return isFields(v) && text(v.id) ? [{ id: text(v.id), name: text(v.name) || text(v.id) }] : [];
}
