import { Refusal } from "./refusal";
import { languagesOf, MAX_TEXT } from "./state";
import type { Switch } from "./switch";
import type { EmergencyTexts } from "./texts";

interface Props {
  sw: Switch;
  t: EmergencyTexts;
  /** The emergency is on: what is written here can be saved by itself. */
  save: boolean;
}

/** What customers are told, one field a language. */
export function CustomerTexts({ sw, t, save }: Props) {
  return (
    <fieldset class="em-texts">
      <legend>{t.textsTitle}</legend>
      <p>{t.textsHint}</p>
      {languagesOf(sw.texts.value).map((l) => (
        <label key={l} class="em-field">
          {t.inLanguage(l)}
          <textarea
            lang={l}
            rows={3}
            maxLength={MAX_TEXT}
            value={sw.texts.value[l] ?? ""}
            aria-invalid={sw.field.value === `text.${l}`}
            onInput={(e) => sw.write(l, e.currentTarget.value)}
            data-testid={`emergency-text-${l}`}
          />
          {!sw.texts.value[l]?.trim() && <small>{t.textEmpty}</small>}
        </label>
      ))}
      {save && (
        <div class="em-save">
          <button
            type="button"
            class="em-plain"
            disabled={sw.at.value === "working"}
            onClick={() => void sw.save()}
            data-testid="emergency-save"
          >
            {t.saveTexts}
          </button>
          <span role="status">{sw.saved.value && t.saved}</span>
          <Refusal sw={sw} t={t} />
        </div>
      )}
    </fieldset>
  );
}
