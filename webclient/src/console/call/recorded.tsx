import { Fragment } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { type Api, Problem } from "../api";
import { moment, stopwatch } from "../thread/format";
import { Icon } from "../thread/icons";
import { Playing } from "./playing";
import { type Recording, recordingOf, type Track, trackURL, wave } from "./recording";
import { type RecordTexts, recordTexts } from "./recordtexts";

interface Props {
  id: string;
  /** Asked again when it changes: a recording ends a moment after its call. */
  rev: number;
  api: Api;
  language: "de" | "en";
  /** An agent's name as this agent reads it. */
  agent(id: string): string;
}

type Found = Recording | "loading" | "failed" | "forbidden";

const AGAIN_MS = 1500;

/** A recording in the timeline: it plays, shows how loud each side is, and says who has listened. */
export function Recorded(p: Props) {
  const t = recordTexts(p.language);
  const [known, ask] = useRecording(p);
  if (known === "loading") return <p class="cl-recorded">{t.loading}</p>;
  if (known === "forbidden") return <p class="cl-recorded">{t.forbidden}</p>;
  if (known === "failed") {
    return (
      <p class="cl-recorded">
        {t.failed}{" "}
        <button type="button" class="cl-link" onClick={ask}>
          {t.again}
        </button>
      </p>
    );
  }
  if (known.state === "running") return <p class="cl-recorded">{t.running}</p>;
  if (known.deleted) {
    const { at, by } = known.deleted;
    return <p class="cl-recorded">{t.deleted(moment(at, p.language), by && p.agent(by))}</p>;
  }
  return <Player {...p} recording={known} listened={ask} t={t} />;
}

/** What is known of it, and a way to ask again. */
function useRecording({ api, id, rev }: Props): [Found, () => void] {
  const [known, setKnown] = useState<Found>("loading");
  const [asked, setAsked] = useState(0);
  useEffect(() => {
    let over = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    api.json("GET", `/recordings/${encodeURIComponent(id)}`).then(
      (v) => {
        if (over) return;
        const r = recordingOf(v);
        setKnown(r ?? "failed");
        if (r?.state === "running") timer = setTimeout(() => setAsked(asked + 1), AGAIN_MS);
      },
      (e) => !over && setKnown(e instanceof Problem && e.status === 403 ? "forbidden" : "failed"),
    );
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [api, id, rev, asked]);
  return [known, () => setAsked(asked + 1)];
}

interface PlayerProps extends Props {
  recording: Recording;
  /** It has just been played: who listened is to be asked again. */
  listened(): void;
  t: RecordTexts;
}

function Player({ recording: r, listened, t, agent, language }: PlayerProps) {
  const seconds = r.durationMS / 1000;
  const playing = useMemo(
    () => new Playing(seconds, () => r.tracks.map((_, n) => new Audio(trackURL(r.id, n)))),
    [r.id, seconds],
  );
  useEffect(() => () => playing.dispose(), [playing]);
  const state = playing.state.value;
  const at = playing.at.value;
  const plays = state === "playing" || state === "loading";
  const time = t.at(stopwatch(at * 1000), stopwatch(r.durationMS));
  const toggle = () => void playing.toggle().then(listened);
  return (
    <fieldset class="cl-recorded cl-player" aria-label={t.recording} data-testid="recording" data-state={state}>
      <button
        type="button"
        aria-label={plays ? t.pause : t.play}
        title={plays ? t.pause : t.play}
        onClick={toggle}
        data-testid="recording-play"
      >
        <Icon name={plays ? "pause" : "play"} size={18} />
      </button>
      <div class="cl-waves">
        {r.tracks.map((track) => (
          <Fragment key={track.side}>
            {r.meeting && <small>{speaker(track, agent, t)}</small>}
            <Wave track={track} share={seconds ? at / seconds : 0} />
          </Fragment>
        ))}
        <input
          type="range"
          min={0}
          max={Math.max(1, Math.round(seconds))}
          step={1}
          value={Math.round(at)}
          aria-label={t.position}
          aria-valuetext={time}
          onInput={(e) => playing.seek(e.currentTarget.valueAsNumber)}
          data-testid="recording-seek"
        />
      </div>
      <span class="cl-played" data-testid="recording-time">
        {time}
      </span>
      {state === "failed" && <p role="alert">{t.failed}</p>}
      <Details recording={r} t={t} agent={agent} language={language} />
    </fieldset>
  );
}

/** How loud one side is; what was played is darker. */
function Wave({ track, share }: { track: Track; share: number }) {
  const path = wave(track.peaks);
  const n = Math.max(1, track.peaks.length);
  const shown = { clipPath: `inset(0 ${100 - share * 100}% 0 0)` };
  return (
    <svg viewBox={`0 0 ${n} 100`} preserveAspectRatio="none" aria-hidden="true" data-side={track.side.split("/")[0]}>
      <path d={path} />
      <path d={path} style={shown} />
    </svg>
  );
}

/** Who speaks on a track. */
function speaker({ side, name }: Track, agent: Props["agent"], t: RecordTexts): string {
  if (side === "customer") return t.customer;
  return name || agent(side.replace(/^agent\//, ""));
}

/** What people knew of the recording, and which of them agreed. */
function known(r: Recording, t: RecordTexts, language: Props["language"]): string {
  if (!r.meeting) return r.agreedAt ? t.agreed(moment(r.agreedAt, language)) : t.told;
  const agreed = r.tracks.filter((track) => track.agreedAt);
  return [t.allTold, ...agreed.map((a) => t.guestAgreed(a.name, moment(a.agreedAt, language)))].join(" ");
}

type DetailsProps = Pick<PlayerProps, "recording" | "t" | "agent" | "language">;

function Details({ recording: r, t, agent, language }: DetailsProps) {
  const said = [
    known(r, t, language),
    t.ended[r.reason] ?? "",
    r.droppedMS ? t.dropped(stopwatch(r.droppedMS)) : "",
    r.leftOut ? t.leftOut(r.leftOut) : "",
    r.deleteAt ? t.until(moment(r.deleteAt, language)) : "",
  ];
  return (
    <details data-testid="recording-details">
      <summary>{t.details}</summary>
      <p>{said.filter(Boolean).join(" ")}</p>
      <p data-testid="recording-heard">
        {t.heard}{" "}
        {r.heard.length ? r.heard.map((h) => `${agent(h.by)}, ${moment(h.at, language)}`).join("; ") : t.nobody}
      </p>
      <p>
        {r.tracks.map((track, n) => (
          <a key={track.side} class="cl-link" href={trackURL(r.id, n)} download={`${r.id}-${n}.ogg`}>
            {t.download(speaker(track, agent, t))}
          </a>
        ))}
      </p>
    </details>
  );
}
