// Items for tests.

import type { Item } from "../../shared/protocol";

let next = 1;

export function sampleItem(part: Partial<Item> = {}): Item {
  const position = next++;
  return {
    position,
    rev: position,
    id: `m${position}`,
    conversation: "c1",
    time: "2026-11-24T09:00:00Z",
    kind: "message",
    channel: "livechat",
    direction: "inbound",
    from: { kind: "customer" },
    text: "text",
    attachments: null,
    ...part,
  };
}

export function sampleAnswer(part: Partial<Item> = {}): Item {
  return sampleItem({
    direction: "outbound",
    from: { kind: "agent", id: "jana", name: "Jana Brandt" },
    delivery: "sent",
    ...part,
  });
}

export function sampleEvent(event: string, data: Record<string, string> = {}, part: Partial<Item> = {}): Item {
  return sampleItem({ kind: "event", direction: "", from: { kind: "system" }, text: "", event, data, ...part });
}
