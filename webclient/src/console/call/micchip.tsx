import type { Desk } from "../desk";
import type { Texts } from "../texts";
import { Icon } from "../thread/icons";
import { isDumb } from "./mic";
import { callTexts } from "./texts";

/** Says before the first ring whether calls can be taken in this browser, and asks for what is missing. */
export function MicChip({ desk, t }: { desk: Desk; t: Texts }) {
  const state = desk.mic.state.value;
  const said = callTexts(t.language).mic[state];
  if (!desk.store.calls.value || !said) return null;
  const ct = callTexts(t.language);
  return (
    <p class="cl-chip" role="status" data-testid="mic-chip" data-state={state}>
      <Icon name={isDumb(state) ? "micOff" : "mic"} size={15} />
      <span>{said}</span>
      {state !== "insecure" && state !== "unsupported" && (
        <button type="button" class="sh-link" onClick={() => void desk.mic.ask()} data-testid="mic-allow">
          {state === "ask" ? ct.allow : ct.checkAgain}
        </button>
      )}
    </p>
  );
}
