// Finds addresses in a text, so that they can be links without any HTML being made from it. Pure.

export interface Part {
  text: string;
  /** Set when the part is an address. */
  href?: string;
}

// The bounds keep the search linear in the length of the text.
const ADDRESS =
  /https?:\/\/[^\s<>"]{1,2000}|\bwww\.[^\s<>"]{1,2000}|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}/giu;
const CLOSERS: Record<string, string> = { ")": "(", "]": "[", "}": "{" };

export function partsOf(text: string): Part[] {
  const out: Part[] = [];
  let at = 0;
  for (const m of text.matchAll(ADDRESS)) {
    const found = trimmed(m[0]);
    const href = hrefOf(found);
    if (m.index < at || !href) continue;
    if (m.index > at) out.push({ text: text.slice(at, m.index) });
    out.push({ text: found, href });
    at = m.index + found.length;
  }
  if (at < text.length || out.length === 0) out.push({ text: text.slice(at) });
  return out;
}

/** Without the punctuation of the sentence around it; a bracket stays if it was opened inside. */
function trimmed(address: string): string {
  let end = address.length;
  while (end > 0) {
    const ch = address[end - 1] ?? "";
    const opener = CLOSERS[ch];
    if (opener) {
      const inside = address.slice(0, end);
      if (inside.split(opener).length >= inside.split(ch).length) break;
    } else if (!/[.,;:!?'’“”»…*_~]/u.test(ch)) break;
    end--;
  }
  return address.slice(0, end);
}

/** Only http, https and mailto; "" for what is no address after all. */
function hrefOf(address: string): string {
  if (!/^(?:https?:\/\/|www\.)/i.test(address)) return address.includes("@") ? `mailto:${address}` : "";
  try {
    const url = new URL(/^www\./i.test(address) ? `https://${address}` : address);
    return url.hostname ? url.href : "";
  } catch {
    return "";
  }
}
