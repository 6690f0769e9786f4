// Saved replies, found by typing "/" and some of their name. Pure.

import type { Reply } from "../../shared/protocol";

const MOST = 8;

/** What is being looked for at the caret: the place of the slash and the word behind it. */
export function slashAt(text: string, caret: number): { from: number; query: string } | null {
  const m = /(?:^|\s)\/([^\s/]{0,40})$/u.exec(text.slice(0, caret));
  return m ? { from: caret - (m[1]?.length ?? 0) - 1, query: m[1] ?? "" } : null;
}

const plain = (s: string) => s.normalize("NFKD").replaceAll(/\p{M}/gu, "").toLowerCase();

/** Names that begin so, then words in names, then texts; those in the contact's language first. */
export function filterReplies(all: readonly Reply[], query: string, language: string): Reply[] {
  const q = plain(query);
  const foreign = (r: Reply) => (r.language && language && r.language.slice(0, 2) !== language.slice(0, 2) ? 1 : 0);
  const ranked = all.flatMap((reply, at) => {
    const rank = rankOf(plain(reply.title), plain(reply.text), q);
    return rank < 0 ? [] : [{ reply, at, rank, foreign: foreign(reply) }];
  });
  ranked.sort((a, b) => a.foreign - b.foreign || a.rank - b.rank || a.at - b.at);
  return ranked.slice(0, MOST).map((r) => r.reply);
}

function rankOf(title: string, text: string, q: string): number {
  if (title.startsWith(q)) return 0;
  if (title.split(/\s+/).some((w) => w.startsWith(q))) return 1;
  if (title.includes(q)) return 2;
  return q.length > 1 && text.includes(q) ? 3 : -1;
}

/** Puts a reply where its name was typed. */
export function insertAt(text: string, from: number, caret: number, reply: string): { text: string; caret: number } {
  return { text: text.slice(0, from) + reply + text.slice(caret), caret: from + reply.length };
}
