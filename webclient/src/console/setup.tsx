import { useState } from "preact/hooks";
import { type Api, type Person, Problem } from "./api";
import type { Settings } from "./settings";
import { Failure, Gate } from "./signin";
import { textsOf } from "./texts";

/** The first administrator, by the link that the first start prints. */
export function Setup(props: { api: Api; settings: Settings; token: string; entered: (who: Person) => void }) {
  const t = textsOf(props.settings.language.value);
  const [failure, setFailure] = useState("");
  const [busy, setBusy] = useState(false);
  const save = async (form: HTMLFormElement) => {
    const data = new FormData(form);
    const field = (name: string) => String(data.get(name) ?? "");
    setBusy(true);
    setFailure("");
    try {
      props.entered(await props.api.setup(props.token, field("agent").trim(), field("name").trim(), field("password")));
    } catch (e) {
      setFailure(e instanceof Problem && e.status > 0 ? e.detail : t.signInFailed);
      setBusy(false);
    }
  };
  return (
    <Gate title={t.setupTitle} lead={t.setupLead} settings={props.settings}>
      <form
        class="sh-form"
        onSubmit={(e) => {
          e.preventDefault();
          void save(e.currentTarget);
        }}
      >
        <label>
          {t.agentId}
          <input
            name="agent"
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
            required
            maxLength={64}
            pattern="[a-z0-9._\-]+"
          />
        </label>
        <label>
          {t.setupName}
          <input name="name" autocomplete="name" required maxLength={100} />
        </label>
        <label>
          {t.setupPassword}
          <input name="password" type="password" autocomplete="new-password" required minLength={12} maxLength={256} />
        </label>
        <button type="submit" class="sh-main" disabled={busy}>
          {t.setupSave}
        </button>
      </form>
      <Failure text={failure} />
    </Gate>
  );
}
