import type { Conversation } from "../../shared/protocol";
import type { Desk } from "../desk";
import { Icon } from "../thread/icons";
import type { Texts } from "../thread/texts";
import { type DeskTexts, deskTexts } from "./desktexts";
import { legOf } from "./view";

const MODES = ["listen", "whisper", "barge"] as const;

/** A supervisor listens to a colleague's call; whispering and joining follow on the card. */
export function SuperviseButton({ desk, conversation: c, t }: { desk: Desk; conversation: Conversation; t: Texts }) {
  const { store, phone } = desk;
  const role = store.me.value?.role ?? "";
  const may = (role === "supervisor" || role === "admin") && store.supervision.value !== "off";
  const talks = c.call !== null && c.call.state !== "waiting" && c.call.agent !== "";
  if (!may || !talks || c.call?.agent === store.agent || legOf(c.call, store.agent)) return null;
  const dt = deskTexts(t.language);
  const busy = phone.view.value.at === "call" || phone.asking.value !== "";
  const name = store.agents.value.get(c.call?.agent ?? "")?.name ?? "";
  return (
    <button
      type="button"
      class="th-btn"
      disabled={busy}
      aria-label={dt.supervise}
      title={dt.superviseHint(name)}
      onClick={() => void phone.supervise(c, "listen")}
      data-testid="supervise"
    >
      <Icon name="eye" />
      <span>{dt.supervise}</span>
    </button>
  );
}

interface ModesProps {
  desk: Desk;
  conversation: Conversation;
  mode: string;
  t: DeskTexts;
}

/** How a supervisor is in the call. */
export function SuperviseModes({ desk, conversation: c, mode, t: dt }: ModesProps) {
  return (
    <fieldset class="cl-ways">
      <legend class="sh-hidden">{dt.mode}</legend>
      <div class="cl-modes">
        {MODES.map((m) => (
          <button
            key={m}
            type="button"
            aria-pressed={mode === m}
            onClick={() => void desk.phone.supervise(c, m)}
            data-testid={`supervise-${m}`}
          >
            {dt.modes[m]}
          </button>
        ))}
      </div>
    </fieldset>
  );
}
