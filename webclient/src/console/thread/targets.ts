// Whom a conversation can be handed to. Pure.

import type { Agent, Conversation, Presence, Queue } from "../../shared/protocol";

export type Choice =
  | { kind: "agent"; id: string; target: string; name: string; presence: Presence }
  | { kind: "queue"; id: string; target: string; name: string; waiting: number; open: boolean };

const ORDER: readonly Presence[] = ["ready", "busy", "wrap-up", "away", "offline"];
const plain = (s: string) => s.normalize("NFKD").replaceAll(/\p{M}/gu, "").toLowerCase();

/** Agents who can answer first, then queues; not the one asking, and not where it is already. */
export function choicesOf(
  agents: readonly Agent[],
  queues: readonly Queue[],
  c: Conversation,
  me: string,
  query: string,
): Choice[] {
  const q = plain(query.trim());
  const fits = (name: string) =>
    q === "" ||
    plain(name)
      .split(/\s+/)
      .some((w) => w.startsWith(q)) ||
    plain(name).startsWith(q);
  const people = agents
    .filter((a) => a.id !== me && a.id !== c.agent && fits(a.name))
    .sort((a, b) => ORDER.indexOf(a.presence) - ORDER.indexOf(b.presence) || (a.name < b.name ? -1 : 1));
  const waitsIn = c.agent === "" && c.target.startsWith("queue/") ? c.queue : "";
  const lines = queues.filter((x) => x.id !== waitsIn && fits(x.name));
  return [
    ...people.map(
      (a): Choice => ({ kind: "agent", id: a.id, target: `agent/${a.id}`, name: a.name, presence: a.presence }),
    ),
    ...lines.map(
      (x): Choice => ({
        kind: "queue",
        id: x.id,
        target: `queue/${x.id}`,
        name: x.name,
        waiting: x.waiting,
        open: x.open,
      }),
    ),
  ];
}
