import "./desk.css";
import { useEffect, useRef, useState } from "preact/hooks";
import { Meter, trouble } from "../../shared/call-browser";
import type { Desk } from "../desk";
import { deskTexts } from "./desktexts";
import { callTexts } from "./texts";

const LEVEL_EVERY_MS = 100;

interface Props {
  desk: Desk;
  language: "de" | "en";
}

/** Microphone and loudspeaker of this browser, with a level to see and a tone to hear before anybody calls. */
export function SoundDialog({ desk, language }: Props) {
  const t = deskTexts(language);
  const dialog = useRef<HTMLDialogElement>(null);
  const { devices } = desk;
  const mic = devices.microphone.value;
  const out = devices.loudspeaker.value;
  const { level, problem } = useLevel(desk, mic);
  const all = useDevices(level >= 0);
  useEffect(() => dialog.current?.showModal(), []);
  const choose = (nextMic: string, nextOut: string) => {
    devices.choose(nextMic, nextOut);
    void desk.phone.soundChanged(nextMic !== mic);
  };
  const can = "setSinkId" in HTMLMediaElement.prototype;
  return (
    <dialog
      ref={dialog}
      class="sh-help cl-sound"
      aria-labelledby="cl-sound-title"
      onClose={() => (desk.sounding.value = false)}
      data-testid="sound-dialog"
    >
      <h2 id="cl-sound-title">{t.sound}</h2>
      <p>{t.soundLead}</p>
      <label>
        {t.microphone}
        <select value={mic} onChange={(e) => choose(e.currentTarget.value, out)} data-testid="sound-microphone">
          <option value="">{t.standard}</option>
          {all.filter((d) => d.kind === "audioinput").map(option)}
        </select>
      </label>
      <div class="cl-level" data-testid="sound-level">
        <meter class="sh-hidden" aria-label={t.level} min={0} max={1} value={Math.max(0, level)} />
        <span style={`transform:scaleX(${Math.max(0, level)})`} aria-hidden="true" />
      </div>
      <p role="status">{problem ? callTexts(language).trouble[problem] : t.level}</p>
      {can && (
        <label>
          {t.loudspeaker}
          <select value={out} onChange={(e) => choose(mic, e.currentTarget.value)} data-testid="sound-loudspeaker">
            <option value="">{t.standard}</option>
            {all.filter((d) => d.kind === "audiooutput").map(option)}
          </select>
        </label>
      )}
      <button type="button" class="sh-main cl-test" onClick={() => void test(desk)} data-testid="sound-test">
        {t.testTone}
      </button>
      <button type="button" class="sh-main" onClick={() => dialog.current?.close()} data-testid="sound-close">
        {t.close}
      </button>
    </dialog>
  );
}

function option(d: MediaDeviceInfo) {
  if (!d.deviceId || d.deviceId === "default") return null;
  return (
    <option key={d.deviceId} value={d.deviceId}>
      {d.label || d.deviceId.slice(0, 8)}
    </option>
  );
}

/** The devices there are, read again when one is plugged in or when names become known. */
function useDevices(allowed: boolean): MediaDeviceInfo[] {
  const [all, setAll] = useState<MediaDeviceInfo[]>([]);
  useEffect(() => {
    const media = navigator.mediaDevices;
    if (!media?.enumerateDevices) return;
    const look = () => void media.enumerateDevices().then(setAll, () => setAll([]));
    look();
    media.addEventListener("devicechange", look);
    return () => media.removeEventListener("devicechange", look);
  }, [allowed]);
  return all;
}

/** How loud the chosen microphone is; −1 as long as there is none. */
function useLevel(desk: Desk, mic: string) {
  const [level, setLevel] = useState(-1);
  const [problem, setProblem] = useState<ReturnType<typeof trouble> | "">("");
  useEffect(() => {
    let over = false;
    let end = () => {};
    setProblem("");
    desk.devices.open().then(
      (stream) => {
        const meter = new Meter(stream);
        const beat = setInterval(() => setLevel(Math.round(meter.level() * 20) / 20), LEVEL_EVERY_MS);
        end = () => {
          clearInterval(beat);
          meter.close();
          for (const track of stream.getTracks()) track.stop();
        };
        if (over) end();
      },
      (e) => setProblem(trouble(e)),
    );
    return () => {
      over = true;
      end();
    };
  }, [desk, mic]);
  return { level, problem };
}

/** A tone from the chosen loudspeaker. */
async function test(desk: Desk): Promise<void> {
  const context = new AudioContext();
  const to = context.createMediaStreamDestination();
  const tone = context.createOscillator();
  const volume = context.createGain();
  volume.gain.value = 0.1;
  tone.frequency.value = 523;
  tone.connect(volume).connect(to);
  const element = new Audio();
  element.srcObject = to.stream;
  await desk.devices.aim(element);
  tone.start();
  await element.play().catch(() => {}); // a browser that wants a click had one
  setTimeout(() => {
    element.srcObject = null;
    void context.close();
  }, 800);
}
