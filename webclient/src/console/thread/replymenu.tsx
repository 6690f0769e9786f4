import { useEffect, useRef } from "preact/hooks";
import type { Reply } from "../../shared/protocol";
import { fillReply } from "../rules";
import type { Texts } from "./texts";

interface Props {
  replies: readonly Reply[];
  /** The customer's name, which goes into them. */
  name: string;
  /** The one that Enter takes. */
  at: number;
  t: Texts;
  choose: (r: Reply) => void;
  point: (at: number) => void;
}

/** The saved replies that fit what is typed. The text field keeps the focus and has the keys. */
export function ReplyMenu({ replies, name, at, t, choose, point }: Props) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => box.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" }));
  return (
    <div class="th-replies" data-testid="replies">
      <div ref={box} id="th-replies" class="th-options" role="listbox" aria-label={t.replies}>
        {replies.map((r, i) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the text field has the keys
          <div
            key={r.id}
            id={`th-reply-${i}`}
            class="th-option th-reply"
            role="option"
            tabIndex={-1}
            aria-selected={i === at}
            onPointerDown={(e) => e.preventDefault()}
            onClick={() => choose(r)}
            onPointerMove={i === at ? undefined : () => point(i)}
          >
            <b>{r.title}</b>
            <span>{fillReply(r.text, name)}</span>
          </div>
        ))}
      </div>
      {replies.length === 0 && <p class="th-quiet">{t.repliesEmpty}</p>}
    </div>
  );
}
