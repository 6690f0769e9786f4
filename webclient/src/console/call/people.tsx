import type { CallLeg } from "../../shared/protocol";
import type { Desk } from "../desk";
import { nameOfTarget } from "../names";
import { Icon } from "../thread/icons";
import type { DeskTexts } from "./desktexts";
import type { CallView } from "./view";

interface Props {
  desk: Desk;
  view: Extract<CallView, { at: "call" }>;
  t: DeskTexts;
}

/** Who else is in the call or asked in; who holds it can take them out. */
export function People({ desk, view, t }: Props) {
  const { call, leg: me } = view;
  const holder = me ? [{ id: "holder", role: "", name: nameOfTarget(desk, `agent/${call.agent}`), rings: false }] : [];
  const others = (call.legs ?? [])
    .filter((l) => l.id !== me?.id)
    .map((l) => ({ id: l.id, role: l.role, name: nameOfLeg(desk, l), rings: !l.agent }));
  const all = [...holder, ...others];
  if (all.length === 0) return null;
  return (
    <ul class="cl-people" aria-label={t.inCall} data-testid="call-people">
      {all.map((p) => (
        <li key={p.id} data-role={p.role} data-testid="call-person">
          <Icon name={p.role === "listen" || p.role === "whisper" ? "eye" : "person"} size={15} />
          <span>
            <b>{p.name}</b> {p.rings ? t.rings : p.role && t.role[p.role as CallLeg["role"]]}
          </span>
          {!me && (p.role === "guest" || (p.role === "consult" && p.rings)) && (
            <button
              type="button"
              class="cl-out"
              aria-label={t.remove(p.name)}
              title={t.remove(p.name)}
              onClick={() => desk.phone.act("remove", { leg: p.id })}
              data-testid="call-remove"
            >
              <Icon name="close" size={15} />
            </button>
          )}
        </li>
      ))}
    </ul>
  );
}

export function nameOfLeg(desk: Desk, l: CallLeg): string {
  return nameOfTarget(desk, l.agent ? `agent/${l.agent}` : l.to);
}
