import { Icon } from "../thread/icons";
import { languagesOf } from "./state";
import type { EmergencyTexts } from "./texts";

/** The notice as the widget shows it, in each language that has a text. */
export function Preview(props: { texts: Readonly<Record<string, string>>; company: string; t: EmergencyTexts }) {
  const { texts, company, t } = props;
  const said = languagesOf(texts).filter((l) => texts[l]?.trim());
  if (said.length === 0) return null;
  return (
    <section class="em-preview">
      <h2>{t.preview}</h2>
      {said.map((l) => (
        <figure key={l}>
          <figcaption>{t.inLanguage(l)}</figcaption>
          <div class="em-widget" lang={l}>
            <b>{company}</b>
            <span class="em-callnow">
              <Icon name="phone" size={16} />
              {l === "de" ? CALL.de : CALL.en}
            </span>
            <p class="em-notice">{texts[l]}</p>
          </div>
        </figure>
      ))}
    </section>
  );
}

/** The widget's own words, in the customer's language. */
const CALL = { de: "Anrufen, kostenlos im Browser", en: "Call us, free in the browser" };
