import { useEffect, useState } from "preact/hooks";
import type { Item } from "../../shared/protocol";
import { Icon } from "./icons";
import type { Texts } from "./texts";

interface Props {
  atEnd: boolean;
  /** The newest line of the thread. */
  last: Item | undefined;
  t: Texts;
  jump: () => void;
}

/** Back to the end; it says so when something new has come there. */
export function Jump({ atEnd, last, t, jump }: Props) {
  const [left, setLeft] = useState("");
  const id = last?.id ?? "";
  useEffect(() => {
    if (atEnd) setLeft(id);
  }, [atEnd, id]);
  if (atEnd) return null;
  const fresh = left !== "" && id !== left;
  return (
    <button
      type="button"
      class={fresh ? "th-jump th-jump-new" : "th-jump"}
      onClick={jump}
      aria-label={fresh ? undefined : t.toEnd}
      title={t.toEnd}
      data-testid="jump"
    >
      {fresh && t.newLines}
      <Icon name="down" size={16} />
    </button>
  );
}
