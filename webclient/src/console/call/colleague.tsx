import { useState } from "preact/hooks";
import type { Desk } from "../desk";
import { textsFor } from "../thread/texts";
import { TransferMenu } from "../thread/transfer";
import type { DeskTexts } from "./desktexts";
import type { CallTexts } from "./texts";
import type { CallView } from "./view";

type Way = "consult" | "invite" | "transfer";
const WAYS: readonly Way[] = ["consult", "invite", "transfer"];

interface Props {
  desk: Desk;
  view: Extract<CallView, { at: "call" }>;
  ct: CallTexts;
  t: DeskTexts;
  close: () => void;
}

/** Whom to ask, and what for. */
export function ColleagueMenu({ desk, view, ct, t, close }: Props) {
  const [way, setWay] = useState<Way>("consult");
  const act = (to: string) => {
    if (way === "transfer") desk.transfer(view.conversation.id, to);
    else desk.phone.act(way, { to });
  };
  const done = (back: boolean) => {
    close();
    if (back) document.getElementById("cl-colleague")?.focus();
  };
  return (
    <TransferMenu
      desk={desk}
      conversation={view.conversation}
      t={textsFor(ct.language)}
      act={act}
      close={done}
      head={
        <fieldset class="cl-ways">
          <legend class="sh-hidden">{t.colleagueTo}</legend>
          <div class="cl-modes">
            {WAYS.map((w) => (
              <button
                key={w}
                type="button"
                aria-pressed={way === w}
                onClick={() => setWay(w)}
                data-testid={`call-way-${w}`}
              >
                {t.ways[w]}
              </button>
            ))}
          </div>
          <p>{t.waysHint[way]}</p>
        </fieldset>
      }
    />
  );
}
