import "./meet.css";
import type { Desk } from "../desk";
import type { Language } from "../settings";
import { Icon } from "../thread/icons";
import { meetTexts } from "./texts";

/** Who waits before the door of a meeting of this agent, on every screen. */
export function Door({ desk, language }: { desk: Desk; language: Language }) {
  const mt = meetTexts(language);
  const [first] = [...desk.store.doors.value];
  if (!first) return null;
  const [conversation, names] = first;
  const open = desk.store.conversation(conversation);
  if (!open?.meeting) return null;
  return (
    <div class="mt-door" role="alert" data-testid="meet-door">
      <Icon name="video" />
      <span>{mt.waits(new Intl.ListFormat(language).format(names))}</span>
      <button type="button" class="th-btn" onClick={() => desk.select(conversation)} data-testid="meet-door-open">
        {mt.join}
      </button>
    </div>
  );
}
