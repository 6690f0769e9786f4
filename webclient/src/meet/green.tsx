// The green room: one's own picture and level, the name, and the door.

import { useState } from "preact/hooks";
import { inApp } from "../widget/own/place";
import type { DeviceKind } from "./devices";
import { Frame } from "./frame";
import { Mark } from "./icons";
import { Level } from "./level";
import type { Meeting } from "./meeting";
import type { PageProps } from "./page";
import type { Texts } from "./texts/en";
import { Picture } from "./video";

export function Green(p: PageProps) {
  const { meeting, t } = p;
  const w = meeting.welcome.value;
  const [name, setName] = useState<string>();
  const [missing, setMissing] = useState(false);
  const value = name ?? (meeting.named || w?.name || "");
  const join = (e: Event) => {
    e.preventDefault();
    setMissing(!value.trim());
    if (value.trim()) void meeting.join(value.trim());
  };
  return (
    <Frame {...p}>
      <div class="room">
        <Preview meeting={meeting} t={t} />
        <form class="door" onSubmit={join} noValidate>
          <h1>{t.title}</h1>
          {p.company && <p class="lead">{t.with(p.company)}</p>}
          {w?.subject && (
            <p class="lead">
              {t.about}: {w.subject}
            </p>
          )}
          <p class="lead" role="status" data-testid="meet-status">
            {truth(meeting, t)}
          </p>
          {w?.recorded && (
            <p class="bad" data-testid="meet-recorded">
              {t.rec.on}
            </p>
          )}
          <label class="field">
            {t.name}
            <input
              value={value}
              maxLength={60}
              autocomplete="name"
              aria-invalid={missing}
              data-testid="meet-name"
              onInput={(e) => setName(e.currentTarget.value)}
            />
          </label>
          {missing && (
            <p class="bad" role="alert">
              {t.nameMissing}
            </p>
          )}
          <Refused meeting={meeting} t={t} />
          <button type="submit" class="big" data-testid="meet-join" disabled={!w || meeting.joining.value}>
            {w?.host || !w ? t.join : t.knock}
          </button>
        </form>
      </div>
    </Frame>
  );
}

function truth(m: Meeting, t: Texts): string {
  const w = m.welcome.value;
  if (!w || !m.online.value) return t.connecting;
  const who = w.people > 0 ? `${t.here(w.people)}. ` : w.host ? t.alone : "";
  if (w.host) return who;
  return who + (w.staffed || w.people > 0 ? t.letIn : t.unstaffed);
}

const REFUSALS = ["locked", "full", "tooMany", "failed"] as const;

function Refused({ meeting, t }: { meeting: Meeting; t: Texts }) {
  const why = REFUSALS.find((r) => r === meeting.why.value);
  if (!why) return null;
  return (
    <p class="bad" role="alert" data-testid="meet-refused">
      {t[why]}
    </p>
  );
}

function Preview({ meeting, t }: { meeting: Meeting; t: Texts }) {
  const { mic, cam, trouble, devices } = meeting;
  const wants = meeting.wants.value;
  const asked = mic || cam || trouble;
  return (
    <section class="preview" aria-label={t.preview}>
      <div class="mirrorbox">
        {cam && <Picture track={cam} mirror id="meet-preview" />}
        {!asked && (
          <div class="ask">
            <button type="button" class="alt" data-testid="meet-start" onClick={() => void devices.take(wants)}>
              <Mark name="cam" />
              {t.start}
            </button>
            <p>{t.why}</p>
          </div>
        )}
        {asked && !cam && <Mark name="camOff" size={40} />}
        {asked && (
          <div class="toggles">
            <Toggle
              on={meeting.micOn}
              name="mic"
              text={meeting.micOn ? t.micOff : t.micOn}
              id="green-mic"
              click={() => meeting.toggleMic()}
            />
            <Toggle
              on={cam !== undefined}
              name="cam"
              text={cam ? t.camOff : t.camOn}
              id="green-cam"
              click={() => meeting.toggleCam()}
            />
          </div>
        )}
      </div>
      {mic && <Level track={mic} label={t.level} />}
      {trouble && (
        <p class="bad" role="alert" data-testid="meet-trouble">
          {t.trouble[trouble]} {t.without}
        </p>
      )}
      {inApp(navigator.userAgent) && (
        <p class="bad" role="alert">
          {t.inApp}
        </p>
      )}
      {asked && <Choices meeting={meeting} t={t} />}
    </section>
  );
}

interface ToggleProps {
  on: boolean;
  name: "mic" | "cam";
  text: string;
  id: string;
  click(): unknown;
}

function Toggle({ on, name, text, id, click }: ToggleProps) {
  return (
    <button
      type="button"
      class="toggle"
      aria-pressed={on}
      aria-label={text}
      title={text}
      data-testid={id}
      onClick={() => void click()}
    >
      <Mark name={on ? name : `${name}Off`} />
    </button>
  );
}

/** Which camera, microphone and speaker, where there is a choice. */
export function Choices({ meeting, t }: { meeting: Meeting; t: Texts }) {
  const speaks = "setSinkId" in HTMLMediaElement.prototype;
  const kinds: [DeviceKind, string][] = [
    ["audioinput", t.microphone],
    ["videoinput", t.camera],
    ...(speaks ? ([["audiooutput", t.speaker]] as [DeviceKind, string][]) : []),
  ];
  return (
    <div class="choices">
      {kinds.map(([kind, label]) => {
        const { list, chosen } = meeting.choices(kind);
        if (list.length < 2) return null;
        return (
          <label key={kind} class="field">
            {label}
            <select
              value={chosen || list[0]?.deviceId}
              onChange={(e) => void meeting.devices.choose(kind, e.currentTarget.value)}
            >
              {list.map((d) => (
                <option key={d.deviceId} value={d.deviceId}>
                  {d.label || t.standard}
                </option>
              ))}
            </select>
          </label>
        );
      })}
    </div>
  );
}
