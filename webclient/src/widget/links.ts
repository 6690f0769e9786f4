// Finds links in what people write. The result is rendered as text nodes and anchors, never as markup.

export interface Piece {
  text: string;
  /** Set when the piece is a link. */
  href?: string;
}

const LINK = /\b(?:https?:\/\/|www\.)[^\s<>"]+|\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+/gi;

export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let from = 0;
  for (const hit of text.matchAll(LINK)) {
    const link = trim(hit[0]);
    if (hit.index > from) found.push({ text: text.slice(from, hit.index) });
    from = hit.index + link.length;
    const scheme = /^http/i.test(link) ? "" : /^www\./i.test(link) ? "https://" : "mailto:";
    found.push({ text: link, href: scheme + link });
  }
  if (from < text.length) found.push({ text: text.slice(from) });
  return found;
}

/** A sentence's end is not the link's; a bracket is, if it was opened in the link. */
function trim(link: string): string {
  for (;;) {
    const end = link.at(-1) ?? "";
    if (!/[.,;:!?'*)\]]/.test(end)) return link;
    if (end === ")" && link.includes("(")) return link;
    link = link.slice(0, -1);
  }
}
