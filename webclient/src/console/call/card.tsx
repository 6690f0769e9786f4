import "../ringing.css";
import "./call.css";
import "./desk.css";
import "./record.css";
import type { Desk } from "../desk";
import { nameOf } from "../store";
import type { Texts } from "../texts";
import { CallCard } from "./callcard";
import { OverCard } from "./overcard";
import { callTexts } from "./texts";
import { WrapUpCard } from "./wrapup";

/** The telephone's card: a call, the time to write it up, or how a call came to nothing. */
export function PhoneCard({ desk, t }: { desk: Desk; t: Texts }) {
  const view = desk.phone.view.value;
  if (view.at === "none") return null;
  const ct = callTexts(t.language);
  const name = nameOf(view.conversation) || t.unnamed;
  switch (view.at) {
    case "call":
      return <CallCard desk={desk} view={view} name={name} t={ct} />;
    case "wrap-up":
      return <WrapUpCard desk={desk} view={view} name={name} t={ct} />;
    case "over":
      return <OverCard phone={desk.phone} view={view} name={name} t={ct} />;
  }
}
