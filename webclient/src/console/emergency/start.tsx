import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { CustomerTexts } from "./customertexts";
import { HoldButton } from "./holdbutton";
import { Refusal } from "./refusal";
import { isTyped, MAX_WHY } from "./state";
import type { Switch } from "./switch";
import type { EmergencyTexts } from "./texts";

interface Props {
  sw: Switch;
  t: EmergencyTexts;
  company: string;
}

/** Says what will change, and starts it only on purpose. */
export function Start({ sw, t, company }: Props) {
  const typed = useSignal("");
  const working = sw.at.value === "working";
  const reason = useRef<HTMLInputElement>(null);
  const start = () => {
    // The gateway wants a reason; the field says so before it is asked.
    if (reason.current?.reportValidity() === false) return;
    typed.value = "";
    void sw.start();
  };
  return (
    <section class="em-start" aria-labelledby="em-start-title">
      <h2 id="em-start-title">{t.start}</h2>
      <label class="em-field">
        {t.why}
        <input
          ref={reason}
          type="text"
          maxLength={MAX_WHY}
          required
          value={sw.why.value}
          aria-describedby="em-why-hint"
          onInput={(e) => (sw.why.value = e.currentTarget.value)}
          data-testid="emergency-why"
        />
        <small id="em-why-hint">{t.whyHint}</small>
      </label>
      <CustomerTexts sw={sw} t={t} save={false} />
      <h3>{t.changesTitle}</h3>
      <ul class="em-changes">
        {t.changes(company).map((x) => (
          <li key={x}>{x}</li>
        ))}
      </ul>
      <div class="em-go">
        <HoldButton t={t} disabled={working} done={start} />
        {company && (
          <form
            class="em-type"
            onSubmit={(e) => {
              e.preventDefault();
              if (isTyped(typed.value, company)) start();
            }}
          >
            <label class="em-field">
              {t.orType(company)}
              <input
                type="text"
                autoComplete="off"
                spellcheck={false}
                value={typed.value}
                onInput={(e) => (typed.value = e.currentTarget.value)}
                data-testid="emergency-company"
              />
            </label>
            <button type="submit" class="em-plain" disabled={working || !isTyped(typed.value, company)}>
              {t.orTypeStart}
            </button>
          </form>
        )}
      </div>
      <Refusal sw={sw} t={t} />
    </section>
  );
}
