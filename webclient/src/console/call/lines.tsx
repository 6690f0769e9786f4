import type { LineQuality } from "../../shared/protocol";
import type { Language } from "../settings";
import { figure, lineTexts, wordOf, worstFirst } from "./linetexts";

interface Props {
  lines: readonly LineQuality[];
  language: Language;
  /** Whose line it is, as this agent reads it. */
  who(line: LineQuality): string;
}

/** How good the lines of a call are, or were: each one's score, worst first, and the rest in a list that opens. */
export function Lines({ lines, language, who }: Props) {
  const t = lineTexts(language);
  const sorted = worstFirst(lines);
  const worst = sorted[0];
  if (!worst) return null;
  const n = (v: number, digits = 0) => figure(v, digits, language);
  return (
    <details class="cl-lines" data-testid="call-lines" data-word={wordOf(worst.mos)}>
      <summary>
        {t.lines}: {sorted.map((l) => `${who(l)} ${n(l.mos, 1)}`).join(" · ")}
      </summary>
      <ul>
        {sorted.map((l, i) => (
          <li key={i}>
            <span class="cl-lines-name" data-word={wordOf(l.mos)}>
              {who(l)} <span title={t.scoreHint}>{n(l.mos, 1)}</span>
            </span>{" "}
            {t.figures(
              n(l.loss_in, 1),
              n(l.loss_out, 1),
              n(l.jitter_ms),
              n(l.rtt_ms),
              n(l.kbps),
              t.paths[l.path] ?? l.path,
            )}
          </li>
        ))}
      </ul>
    </details>
  );
}
