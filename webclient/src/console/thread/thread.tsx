import "@preact/signals";
import "./thread.css";
import type { Desk } from "../desk";
import { useTexts } from "./hooks";

interface Props {
  desk: Desk;
  /** On phones: back to the list. */
  onBack?: () => void;
  /** Below 1100 px: opens what is known about the contact. */
  onContext?: () => void;
}

/** The open conversation: who it is, all that was said, and where to answer. */
export function Thread(props: Props) {
  const t = useTexts();
  const id = props.desk.selected.value;
  return (
    <main class="th-root" data-testid="thread" aria-label={t.timeline}>
      {id === "" && <p>{t.choose}</p>}
    </main>
  );
}
