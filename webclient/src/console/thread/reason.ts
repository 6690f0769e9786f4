import type { Texts } from "./texts";

/** Why a message waits or failed, in the agent's language. The gateway says a word of ours and, in brackets, what else is known. */
export function reasonOf(info: string, t: Texts): string {
  const word = info.split(" ", 1)[0] ?? "";
  return t.reasons[word] ?? info;
}
