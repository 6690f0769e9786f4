import type { Desk } from "../desk";
import type { Texts } from "./texts";

interface Props {
  desk: Desk;
  id: string;
  t: Texts;
  customer: string;
}

/** Who is writing right now. */
export function Typing({ desk, id, t, customer }: Props) {
  const marks = desk.store.typing.value.filter((m) => m.conversation === id && m.agent !== desk.store.agent);
  return (
    <>
      {marks.map((m) => (
        <div key={m.agent} class="th-typing" data-testid="typing">
          <span class="th-dots" aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          {m.agent === ""
            ? t.typing(customer)
            : t.colleagueTypes(desk.store.agents.value.get(m.agent)?.name ?? t.colleague)}
        </div>
      ))}
    </>
  );
}
