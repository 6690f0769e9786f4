import type { Desk } from "../desk";
import { type LinkForm, type LinkStart, type Links, TTLS } from "./links";
import type { LinkTexts } from "./texts";

interface Props {
  desk: Desk;
  links: Links;
  start: LinkStart;
  t: LinkTexts;
}

/** For whom, where to, about what, for how long. */
export function LinkFields({ desk, links, start, t }: Props) {
  const { store } = desk;
  const wrong = links.wrong.value;
  const mine = store.me.value?.queues?.[0] ?? store.queues.value[0]?.id ?? "";
  const bad = (field: string) => (wrong?.field === field ? { "aria-invalid": true } : {});
  return (
    <form
      class="lk-form"
      onSubmit={(e) => {
        e.preventDefault();
        void links.make(formOf(e.currentTarget));
      }}
    >
      <p class="lk-lead">{t.lead}</p>
      <label class="lk-wide">
        {t.to}
        <select name="to" defaultValue={start.to ?? `queue/${mine}`} {...bad("to")} data-testid="link-to">
          <optgroup label={t.toQueues}>
            {store.queues.value.map((q) => (
              <option key={q.id} value={`queue/${q.id}`} selected={(start.to ?? `queue/${mine}`) === `queue/${q.id}`}>
                {q.name}
              </option>
            ))}
          </optgroup>
          <optgroup label={t.toAgents}>
            {[...store.agents.value.values()].map((a) => (
              <option key={a.id} value={`agent/${a.id}`} selected={start.to === `agent/${a.id}`}>
                {a.name}
              </option>
            ))}
          </optgroup>
        </select>
      </label>
      <label>
        {t.name}
        <input name="name" maxLength={100} autoComplete="off" defaultValue={start.name} {...bad("contact.name")} />
      </label>
      <label>
        {t.email}
        <input
          name="email"
          type="email"
          maxLength={254}
          autoComplete="off"
          defaultValue={start.email}
          {...bad("contact.email")}
        />
      </label>
      <label class="lk-wide">
        {t.subject}
        <input
          name="subject"
          maxLength={200}
          defaultValue={start.subject}
          {...bad("subject")}
          data-testid="link-subject"
        />
        <small>{t.subjectHint}</small>
      </label>
      <label>
        {t.spoken}
        <select name="language">
          <option value="">{t.spokenNone}</option>
          {Object.entries(t.languages).map(([tag, name]) => (
            <option key={tag} value={tag} selected={start.language?.startsWith(tag) ?? false}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        {t.ttl}
        <select name="ttl">
          {TTLS.map((ttl) => (
            <option key={ttl} value={ttl} selected={ttl === "72h"}>
              {t.ttls[ttl]}
            </option>
          ))}
        </select>
      </label>
      <p class="lk-wrong" role="alert">
        {wrong && (wrong.detail || t.failed)}
      </p>
      <button type="submit" class="sh-main" disabled={links.at.value === "making"} data-testid="link-make">
        {t.make}
      </button>
    </form>
  );
}

function formOf(form: HTMLFormElement): LinkForm {
  const data = new FormData(form);
  const field = (name: string) => String(data.get(name) ?? "");
  return {
    to: field("to"),
    name: field("name"),
    email: field("email"),
    subject: field("subject"),
    language: field("language"),
    ttl: field("ttl"),
  };
}
