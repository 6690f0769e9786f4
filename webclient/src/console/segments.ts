// How many parts an SMS is split into (3GPP TS 23.038 and 23.040).

const BASIC =
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const EXTENDED = "\f^{}\\[~]|€";

export interface Segments {
  encoding: "GSM-7" | "UCS-2";
  parts: number;
  /** What still fits into the last part, in units of the encoding. */
  left: number;
}

export function segmentsOf(message: string): Segments {
  const units: number[] = [];
  for (const ch of message) {
    if (BASIC.includes(ch)) units.push(1);
    else if (EXTENDED.includes(ch)) units.push(2);
    else
      return split(
        [...message].map((c) => c.length),
        "UCS-2",
        70,
        67,
      );
  }
  return split(units, "GSM-7", 160, 153);
}

/** One part of `single` units, or parts of `many` units, as the header takes the rest. A character is never cut. */
function split(units: number[], encoding: Segments["encoding"], single: number, many: number): Segments {
  const total = units.reduce((a, b) => a + b, 0);
  if (total <= single) return { encoding, parts: total === 0 ? 0 : 1, left: single - total };
  let parts = 1;
  let used = 0;
  for (const u of units) {
    if (used + u > many) {
      parts++;
      used = 0;
    }
    used += u;
  }
  return { encoding, parts, left: many - used };
}
