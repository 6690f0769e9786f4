import type { Desk } from "../desk";
import { Icon } from "../thread/icons";
import { recordTexts } from "./recordtexts";
import type { CallTexts } from "./texts";
import type { CallView } from "./view";

type InCall = Extract<CallView, { at: "call" }>;

/** What R does in this call; null: its queue has no recording, or it is not this agent's to decide. */
export function recordAct(desk: Desk, view: CallView): "record" | "record_stop" | null {
  if (view.at !== "call" || view.leg || view.call.state === "ringing" || view.call.state === "waiting") return null;
  const state = view.call.recording?.state;
  if (state && state !== "stopped" && state !== "failed") return "record_stop";
  return desk.store.queues.value.some((q) => q.id === view.conversation.queue && q.recording) ? "record" : null;
}

/** Whether the call is recorded, and the button for it. */
export function RecordLine({ desk, view, t }: { desk: Desk; view: InCall; t: CallTexts }) {
  const rt = recordTexts(t.language);
  const act = recordAct(desk, view);
  const state = view.call.recording?.state;
  if (!state && !act) return null;
  return (
    <div class="cl-rec" data-state={state ?? ""} data-testid="call-recording">
      <span role="status">{state ? rt.state[state] : ""}</span>
      {act && (
        <button
          type="button"
          aria-keyshortcuts="R"
          title={`${act === "record" ? rt.record : rt.stop} (R)`}
          onClick={() => desk.phone.act(act)}
          data-testid="call-record"
        >
          <Icon name={act === "record" ? "record" : "square"} size={16} />
          <span>{act === "record" ? rt.record : rt.stop}</span>
          <kbd>R</kbd>
        </button>
      )}
    </div>
  );
}
