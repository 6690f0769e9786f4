import "./signin.css";
import { useState } from "preact/hooks";
import { type Api, type Person, Problem } from "./api";
import { Glyph } from "./glyph";
import type { Settings } from "./settings";
import { textsOf } from "./texts";
import { Avatar } from "./thread/avatar";

interface Props {
  api: Api;
  settings: Settings;
  /** Agents of a demo, who need no password. */
  demo: Person[];
  entered: (who: Person) => void;
}

export function SignIn({ api, settings, demo, entered }: Props) {
  const t = textsOf(settings.language.value);
  const [failure, setFailure] = useState("");
  const [busy, setBusy] = useState(false);
  const attempt = async (signIn: () => Promise<Person>) => {
    setBusy(true);
    setFailure("");
    try {
      entered(await signIn());
    } catch (e) {
      setFailure(e instanceof Problem && e.status > 0 ? e.detail : t.signInFailed);
      setBusy(false);
    }
  };
  return (
    <Gate title={t.signInTitle} lead={t.signInLead} settings={settings}>
      {demo.length > 0 && (
        <div class="sh-demo">
          <p>{t.demoLead}</p>
          {demo.map((a) => (
            <button
              key={a.id}
              type="button"
              class="sh-demo-agent"
              disabled={busy}
              onClick={() => attempt(() => api.signInDemo(a.id))}
              data-testid={`signin-${a.id}`}
            >
              <Avatar name={a.name} large />
              <span>{t.demoAs(a.name)}</span>
            </button>
          ))}
        </div>
      )}
      {demo.length === 0 && (
        <form
          class="sh-form"
          onSubmit={(e) => {
            e.preventDefault();
            const data = new FormData(e.currentTarget);
            void attempt(() => api.signIn(String(data.get("agent")).trim(), String(data.get("password"))));
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
            />
          </label>
          <label>
            {t.password}
            <input name="password" type="password" autocomplete="current-password" required maxLength={256} />
          </label>
          <button type="submit" class="sh-main" disabled={busy}>
            {t.signIn}
          </button>
        </form>
      )}
      <Failure text={failure} />
    </Gate>
  );
}

export function Failure({ text }: { text: string }) {
  return (
    <p class="sh-failure" role="alert">
      {text}
    </p>
  );
}

/** The gateway does not answer; it is asked again and again. */
export function Silent({ settings }: { settings: Settings }) {
  const t = textsOf(settings.language.value);
  return (
    <main class="sh-gate" aria-busy="true">
      <p class="sh-silent" role="status">
        <span class="sh-spin" />
        {t.silent}
      </p>
    </main>
  );
}

/** The page before the desk: sign-in, first administrator. */
export function Gate(props: { title: string; lead: string; settings: Settings; children: preact.ComponentChildren }) {
  const language = props.settings.language;
  return (
    <main class="sh-gate">
      <div class="sh-gate-card">
        <span class="sh-mark">
          <Glyph name="mark" size={32} />
        </span>
        <h1>{props.title}</h1>
        <p class="sh-lead">{props.lead}</p>
        {props.children}
      </div>
      <p class="sh-gate-foot">
        {(["de", "en"] as const).map((l) => (
          <button
            key={l}
            type="button"
            class="sh-link"
            aria-pressed={language.value === l}
            lang={l}
            onClick={() => (language.value = l)}
          >
            {textsOf(l).languageName[l]}
          </button>
        ))}
      </p>
    </main>
  );
}
