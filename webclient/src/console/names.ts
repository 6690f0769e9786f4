import type { Desk } from "./desk";

/** An agent's name, or what is known in its place; "" for nobody. */
export function nameOfAgent(desk: Desk, id: string): string {
  return desk.store.agents.value.get(id)?.name ?? id;
}

/** Of "agent/jana" or "queue/main". */
export function nameOfTarget(desk: Desk, target: string): string {
  const [kind, id = ""] = target.split("/");
  return kind === "queue" ? nameOfQueue(desk, id) : nameOfAgent(desk, id);
}

/** A queue's name, or its id. */
export function nameOfQueue(desk: Desk, id: string): string {
  return desk.store.queues.value.find((q) => q.id === id)?.name ?? id;
}
