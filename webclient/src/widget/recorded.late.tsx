// Whether a call is recorded, and the customer's answer: loaded when somebody wants to record it.

import type { VisitorCall } from "../shared/protocol";
import type { Kit } from "./late";
import { borrow, dress } from "./own/lent";
import { de, en, recordedOf } from "./own/recorded";
import css from "./recorded.css?text";

interface Props {
  call: VisitorCall;
  language: string;
  answer(agreed: boolean): void;
}

export default (kit: Kit) => {
  borrow(kit);
  const dressed = dress(css);
  return ({ call, language, answer }: Props) => {
    const r = recordedOf(call, language === "de" ? de : en);
    if (!r) return null;
    return (
      <div ref={dressed} class="recorded" data-testid="recorded" data-state={r.state}>
        <p role="status">{r.text}</p>
        {r.answers.map((a) => (
          <button
            key={a.text}
            type="button"
            data-testid={a.agreed ? "record-agree" : "record-refuse"}
            onClick={() => answer(a.agreed)}
          >
            {a.text}
          </button>
        ))}
      </div>
    );
  };
};
